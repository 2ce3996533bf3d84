-- The stored version of an event that has arrived again. One that a merge has yet to move has its new name already.
select e.event_id, n.event_name, l.location_id, e.distinct_id, c.contact_id, e.timestamp, e.properties,
       e.received_at, e.updated_at, e.update_count, e.warnings
from events as e
cross join locations   as l on l.location_key = e.location_key
cross join event_names as s on s.name_key     = e.name_key
cross join event_names as n on n.name_key     = coalesce(s.alias_of, s.name_key)
left join  contacts    as c on c.contact_key  = e.contact_key
where e.location_key = (select location_key from locations where location_id = :location_id)
  and e.distinct_id = :distinct_id;
