-- The time zones that some locations have, null for each that has none of its own.
select l.timezone
from json_each(:locations) as j
left join locations as l on l.location_id = j.value;
