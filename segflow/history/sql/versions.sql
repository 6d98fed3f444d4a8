-- The versions of a segment, oldest first.
select versions.segment_version, versions.tick_id, ticks.as_of, versions.spec
from segflow.segment_versions as versions
inner join segflow.ticks as ticks on ticks.tick_id = versions.tick_id
where versions.segment_key = :segment_key
order by versions.segment_version
