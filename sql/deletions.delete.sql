-- A contact is gone with all of its events.
delete from deletions
where contact_key = :contact_key;
