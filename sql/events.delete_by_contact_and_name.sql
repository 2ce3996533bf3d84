-- Some of the events of one contact and one name that these locations have in a range of time.
delete from events
where event_id in (select e.event_id
                   from json_each(:locations) as j
                   cross join locations as l on l.location_id  = j.value
                   cross join contacts  as c on c.location_key = l.location_key and c.contact_id = :contact_id
                   cross join epochs
                   cross join events    as e indexed by events_by_contact on e.event_id >> 14 = epoch and e.contact_key = c.contact_key
                   where e.name_key = (select coalesce(alias_of, name_key) from event_names where event_name = :event_name)
                     and e.timestamp >= :from
                     and e.timestamp < :to
                   limit :limit);
