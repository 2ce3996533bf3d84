-- Some of a location's contacts, with their tags.
delete from contacts
where location_id = :location_id
  and contact_id in (select contact_id
                     from contacts
                     where location_id = :location_id
                     limit :limit);
