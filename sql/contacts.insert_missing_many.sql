-- The contacts that many events name.
insert into contacts (location_key, contact_id, created_at, updated_at)
select l.location_key, value ->> 'contact_id', :now, :now
from jsonb_each(:events)
cross join locations as l on l.location_id = value ->> 'location_id'
where value ->> 'contact_id' is not null
on conflict (location_key, contact_id) do nothing;
