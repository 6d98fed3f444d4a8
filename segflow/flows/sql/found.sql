-- Where somebody stands when moving begins, and since when.
select distinct flow, step, since from temp.standing
