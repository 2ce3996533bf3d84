-- What would go with a location, of each kind :most at most.
select (select count(*) from (select 1 from events       where location_id = :location_id limit :most)) as events,
       (select count(*) from (select 1 from contacts     where location_id = :location_id limit :most)) as contacts,
       (select count(*) from (select 1 from contact_tags where location_id = :location_id limit :most)) as tags;
