-- Who may be able to take a step with several ways.
with judged as (
    select * from temp.judged
)

select judged.* from judged where decides and skips is null
