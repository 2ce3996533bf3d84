-- A page of a location's events of one contact and one name, the newest first.
select e.event_id, n.event_name, l.location_id, e.distinct_id, c.contact_id, e.timestamp, e.properties,
       e.received_at, e.updated_at, e.update_count, e.warnings
from (select e.event_id
      from epochs
      cross join events as e indexed by events_by_contact
      where e.event_id >> 14 = epoch
        and e.contact_key = (select contact_key
                             from contacts
                             where location_key = (select location_key from locations where location_id = :location_id)
                               and contact_id = :contact_id)
        and e.name_key = (select coalesce(alias_of, name_key) from event_names where event_name = :event_name)
        and e.timestamp >= :from
        and e.timestamp < :to
        and e.timestamp <= :before_timestamp
        and (e.timestamp < :before_timestamp or e.event_id < :before_id)
      order by e.timestamp desc, e.event_id desc
      limit :limit) as newest
cross join events      as e on e.event_id     = newest.event_id
cross join locations   as l on l.location_key = e.location_key
cross join event_names as n on n.name_key     = e.name_key
left join  contacts    as c on c.contact_key  = e.contact_key
order by e.timestamp desc, e.event_id desc;
