-- All locations, but for those that are being deleted.
select location_id, name, timezone, first_seen_at
from locations
where location_id > :after
  and former_id is null
order by location_id;
