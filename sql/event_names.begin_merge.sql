-- A name, and its aliases with it, become aliases of another one; the name's events are still to be moved there.
update event_names
set alias_of    = :alias_of,
    moving_from = iif(name_key = :name_key, 0, null)
where name_key = :name_key
   or alias_of = :name_key;
