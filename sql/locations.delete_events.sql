-- Some of a location's events.
delete from events
where event_id in (select event_id
                   from events
                   where location_key = :location_key
                   limit :limit);
