-- The locations of an older file, attached as old.
insert into locations (location_id, name, timezone, name_edited, timezone_edited, first_seen_at)
select location_id, name, timezone, name_edited, timezone_edited, first_seen_at
from old.locations
order by first_seen_at, location_id;
