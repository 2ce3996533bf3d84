-- The names of the saved metrics that count events of this name.
select name
from metrics
where exists (select 1 from json_each(definition, '$.terms') where value ->> 'event' = :event_name)
order by position, metric_id;
