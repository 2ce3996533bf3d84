-- What would go with a contact.
select (select count(*)
        from epochs
        cross join events as e indexed by events_by_contact
        where e.event_id >> 14 = epoch
          and e.contact_key = c.contact_key) as events,
       (select count(*) from contact_tags where contact_key = c.contact_key) as tags
from locations as l
cross join contacts as c on c.location_key = l.location_key
where l.location_id = :location_id
  and c.contact_id = :contact_id;
