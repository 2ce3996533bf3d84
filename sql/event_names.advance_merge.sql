-- A merge goes on in the first location that still has such events, and ends where none has.
update event_names
set moving_from = (select l.location_key
                   from locations as l
                   cross join events as e indexed by events_by_name on e.location_key = l.location_key
                   where l.location_key >= event_names.moving_from
                     and e.name_key = event_names.name_key
                   order by l.location_key
                   limit 1)
where name_key = :name_key;
