-- What would go with a location.
select (select count(*) from events       where location_id = :location_id) as events,
       (select count(*) from contacts     where location_id = :location_id) as contacts,
       (select count(*) from contact_tags where location_id = :location_id) as tags;
