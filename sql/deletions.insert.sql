-- The deletion of a contact is to go on, also after a restart.
insert into deletions (contact_key)
values                (:contact_key);
