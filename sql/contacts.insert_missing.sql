-- The contact that an event names exists from then on, bare.
insert into contacts (location_key, contact_id, created_at, updated_at)
select location_key, :contact_id, :now, :now
from locations
where location_id = :location_id
on conflict (location_key, contact_id) do nothing;
