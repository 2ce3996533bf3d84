-- What names a location that is deleted.
delete from rejections
where location_id = :location_id;
