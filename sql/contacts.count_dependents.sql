-- What would go with a contact.
select (select count(*) from events       where location_id = :location_id and contact_id = :contact_id) as events,
       (select count(*) from contact_tags where location_id = :location_id and contact_id = :contact_id) as tags;
