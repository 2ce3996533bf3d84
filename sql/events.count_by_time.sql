-- How many events these locations have in a range of time, :most at most.
select count(*)
from (select 1
      from json_each(:locations) as j
      cross join locations as l on l.location_id  = j.value
      cross join events    as e indexed by events_by_time on e.location_key = l.location_key
      where e.timestamp >= :from
        and e.timestamp < :to
      limit :most);
