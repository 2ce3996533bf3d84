-- What is still posted under this name is of another one.
insert into event_names (event_name, alias_of)
values (:event_name, :alias_of);
