-- A contact; triggers delete its tags and its events.
delete from contacts
where location_key = (select location_key from locations where location_id = :location_id)
  and contact_id = :contact_id;
