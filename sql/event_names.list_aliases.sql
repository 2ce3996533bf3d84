-- Those of some names that are aliases, and the names under which their events are stored.
select a.event_name, n.event_name as stored_name
from json_each(:event_names) as j
cross join event_names as a on a.event_name = j.value
cross join event_names as n on n.name_key = a.alias_of;
