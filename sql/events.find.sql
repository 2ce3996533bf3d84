-- One event by our own id.
select e.event_id, n.event_name, l.location_id, e.distinct_id, c.contact_id, e.timestamp, e.properties,
       e.received_at, e.updated_at, e.update_count, e.warnings, c.name as contact_name
from events as e
cross join locations   as l on l.location_key = e.location_key
cross join event_names as n on n.name_key     = e.name_key
left join  contacts    as c on c.contact_key  = e.contact_key
where e.event_id = :event_id;
