select * from raw.tags
