-- Some of a location's contacts, with their tags.
delete from contacts
where contact_key in (select contact_key
                      from contacts
                      where location_key = :location_key
                      limit :limit);
