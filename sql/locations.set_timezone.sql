-- A person sets a location's time zone, or (null) leaves that to the bodies again.
update locations
set timezone        = :value,
    timezone_edited = :edited
where location_id = :location_id;
