-- Some of a location's contacts, with their tags.
delete from contacts
where contact_key in (select contact_key
                      from contacts
                      where location_key = (select location_key from locations where location_id = :location_id)
                      limit :limit);
