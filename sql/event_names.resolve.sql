-- The name under which events of this name are stored: its own, or the one that it is an alias of.
select coalesce(new.event_name, old.event_name) as event_name
from event_names as old
left join event_names as new on new.name_key = old.alias_of
where old.event_name = :event_name;
