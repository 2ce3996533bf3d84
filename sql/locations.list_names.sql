-- The names of these locations.
select o.location_id, o.name
from json_each(:locations) as l
cross join locations as o
where o.location_id = l.value;
