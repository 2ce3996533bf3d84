-- A contact; triggers delete its tags, its events and the rejections that name it.
delete from contacts
where contact_key = :contact_key;
