-- The new ones among many events, in their order; not one whose distinct_id is already stored.
insert into events (location_id, distinct_id, event_name, contact_id, timestamp, properties, received_at, updated_at)
select value ->> 'location_id', value ->> 'distinct_id', value ->> 'event_name', value ->> 'contact_id',
       coalesce(value ->> 'timestamp', :now), iif(value ->> 'properties' is null, '{}', value -> 'properties'), :now, :now
from jsonb_each(:events)  -- binary: ->> need not parse each event anew
where true  -- else the parser takes "on" for a join's
on conflict (location_id, distinct_id) do nothing;
