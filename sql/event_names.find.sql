-- A name, the name that it is an alias of (null: of none), and whether another one's events are still being moved to it.
select n.name_key, n.event_name, n.alias_of, n.moving_from, t.event_name as stored_name,
       exists (select 1 from event_names as a where a.alias_of = n.name_key and a.moving_from is not null) as is_filling
from event_names as n
left join event_names as t on t.name_key = n.alias_of
where n.event_name = :event_name;
