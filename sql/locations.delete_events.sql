-- Some of a location's events.
delete from events
where event_id in (select event_id
                   from events
                   where location_key = (select location_key from locations where location_id = :location_id)
                   limit :limit);
