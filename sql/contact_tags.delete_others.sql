-- The contact's tags that are not in a JSON array.
delete from contact_tags
where location_id = :location_id
  and contact_id = :contact_id
  and tag not in (select value from json_each(:tags));
