-- Whether an event of this name has come to any of the locations.
select 1 as seen
from json_each(:locations) as j
cross join locations as l on l.location_id = j.value
cross join events    as e indexed by events_by_name on e.location_key = l.location_key
where e.name_key = (select coalesce(alias_of, name_key) from event_names where event_name = :event_name)
limit 1;
