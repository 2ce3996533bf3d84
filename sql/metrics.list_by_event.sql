-- The names of the saved metrics that name events of this name, also as what may follow.
select name
from metrics
where exists (
  select 1
  from json_each(definition, '$.terms')
  where :event_name in (value ->> 'event', value ->> '$.then.event'))
order by position, metric_id;
