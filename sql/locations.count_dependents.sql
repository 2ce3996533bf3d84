-- What would go with a location, of each kind :most at most.
with location as materialized (select location_key from locations where location_id = :location_id)
select (select count(*) from (select 1 from location cross join events       using (location_key) limit :most)) as events,
       (select count(*) from (select 1 from location cross join contacts     using (location_key) limit :most)) as contacts,
       (select count(*) from (select 1 from location cross join contact_tags using (location_key) limit :most)) as tags;
