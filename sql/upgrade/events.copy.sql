-- Some of an older file's events, in their order: those with ids above :after, up to :until.
insert into events (event_id, location_key, name_key, contact_key, distinct_id, timestamp, properties, received_at, updated_at, update_count, warnings)
select e.event_id, l.location_key, n.name_key, c.contact_key, e.distinct_id, e.timestamp, e.properties, e.received_at, e.updated_at, e.update_count, e.warnings
from old.events as e
cross join locations   as l on l.location_id  = e.location_id
cross join event_names as n on n.event_name   = e.event_name
left join  contacts    as c on c.location_key = l.location_key and c.contact_id = e.contact_id
where e.event_id > :after
  and e.event_id <= :until;
