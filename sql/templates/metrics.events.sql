-- Where a usual term has its events from: those of its name, in each bucket and each location.
--   {tags}     a join of the tags of an event's contact, t
--   {filters}  a condition on an event e
from buckets as b
cross join queried_locations as l
cross join events as e indexed by events_by_name
{tags}
where e.location_key = l.location_key
  and e.name_key     = (select coalesce(alias_of, name_key) from event_names where event_name = :event_name)
  and e.timestamp   >= b.start
  and e.timestamp    < b.end
  and {filters}
