-- The new ones among many events, in their order; not one whose distinct_id is already stored. What they name is there.
insert into events (location_key, name_key, contact_key, distinct_id, timestamp, properties, received_at, updated_at)
select l.location_key, coalesce(n.alias_of, n.name_key),
       (select contact_key from contacts where location_key = l.location_key and contact_id = value ->> 'contact_id'),
       value ->> 'distinct_id', coalesce(value ->> 'timestamp', :now),
       iif(value ->> 'properties' is null, '{}', value -> 'properties'), :now, :now
from jsonb_each(:events)  -- binary: ->> need not parse each event anew
cross join locations   as l on l.location_id = value ->> 'location_id'
cross join event_names as n on n.event_name  = value ->> 'event_name'
where true  -- else the parser takes "on" for a join's
on conflict (location_key, distinct_id) do nothing;
