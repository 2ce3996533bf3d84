-- Some of the events that these locations have in a range of time.
delete from events
where event_id in (select e.event_id
                   from json_each(:locations) as j
                   cross join locations as l on l.location_id  = j.value
                   cross join events    as e indexed by events_by_time on e.location_key = l.location_key
                   where e.timestamp >= :from
                     and e.timestamp < :to
                   limit :limit);
