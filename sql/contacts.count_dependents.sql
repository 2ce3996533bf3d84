-- What would go with a contact.
select (select count(*)
        from epochs cross join events as e indexed by events_by_contact
        where e.location_id = :location_id
          and e.event_id >> 14 = epoch
          and e.contact_id = :contact_id) as events,
       (select count(*)
        from contact_tags
        where location_id = :location_id
          and contact_id = :contact_id) as tags;
