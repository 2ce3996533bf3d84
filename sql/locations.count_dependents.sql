-- What would go with a location, of each kind :most at most.
select (select count(*) from (select 1 from events       where location_key = :location_key limit :most)) as events,
       (select count(*) from (select 1 from contacts     where location_key = :location_key limit :most)) as contacts,
       (select count(*) from (select 1 from contact_tags where location_key = :location_key limit :most)) as tags,
       (select count(*)
        from rejections
        where location_id = (select location_id from locations where location_key = :location_key)) as rejections;
