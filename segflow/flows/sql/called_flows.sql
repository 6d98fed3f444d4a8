-- The flows that steps of others send contacts to.
select distinct flow from temp.calls where call = 'enter' order by flow
