-- Some of an alias's events move to the name that it is an alias of. It is no replacement: the trigger does not fire.
with alias as materialized (select name_key, alias_of, moving_from from event_names where name_key = :name_key)
update events
set name_key = (select alias_of from alias)
where event_id in (select e.event_id
                   from alias
                   cross join locations as l on l.location_key >= alias.moving_from
                   cross join events    as e indexed by events_by_name on e.location_key = l.location_key and e.name_key = alias.name_key
                   limit :limit);
