-- The contact's tags that are not in a JSON array.
delete from contact_tags
where contact_key = :contact_key
  and tag not in (select value from json_each(:tags));
