-- A name reads otherwise from then on; its events need not be touched.
update event_names
set event_name = :new_name
where name_key = :name_key;
