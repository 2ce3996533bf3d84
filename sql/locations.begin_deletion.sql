-- A location is no longer found: no id that is sent ends with a character that cannot be seen.
update locations
set former_id   = location_id,
    location_id = location_id || ' (being deleted, ' || location_key || ')' || char(8203)
where location_key = :location_key;
