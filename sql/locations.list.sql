-- All locations.
select location_id, name, timezone, first_seen_at
from locations
where location_id > :after
order by location_id;
