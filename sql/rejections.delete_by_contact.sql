-- What names a contact that is deleted.
delete from rejections
where location_id = :location_id
  and contact_id = :contact_id;
