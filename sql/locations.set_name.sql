-- A person names a location, or (null) leaves that to the bodies again.
update locations
set name        = :value,
    name_edited = :edited
where location_id = :location_id;
