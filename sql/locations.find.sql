-- One location.
select location_key, location_id, name, timezone, first_seen_at
from locations
where location_id = :location_id;
