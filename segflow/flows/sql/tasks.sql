-- The tasks of this tick; the id is the same however often the tick is run, and that of the message, if there is one.
select row_hash(taken.enrollment_id, taken.step, taken.visit) as task_id, taken.flow, taken.step, taken.contact_id,
    coalesce(assignees.value, tasks.assignee) as assignee, coalesce(titles.value, tasks.title) as title, tasks.due_at,
    :as_of as created_at
from temp.taken as taken
inner join temp.task_steps as tasks on tasks.flow = taken.flow and tasks.step = taken.step
left join temp.filled as titles
    on titles.enrollment_id = taken.enrollment_id and titles.step = taken.step and titles.visit = taken.visit
        and titles.part = 'title'
left join temp.filled as assignees
    on assignees.enrollment_id = taken.enrollment_id and assignees.step = taken.step and assignees.visit = taken.visit
        and assignees.part = 'assignee'
where taken.action not in ('skipped', 'failed')
