-- A location; triggers delete what is left in it.
delete from locations
where location_key = :location_key;
