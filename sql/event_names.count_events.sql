-- How many events there are under a name itself; of an alias, how many are still to be moved; :most at most.
select count(*)
from (select 1
      from event_names as n
      cross join locations as l on l.location_key >= coalesce(n.moving_from, 0)
      cross join events    as e indexed by events_by_name on e.location_key = l.location_key and e.name_key = n.name_key
      where n.name_key = :name_key
        and (n.alias_of is null or n.moving_from is not null)
      limit :most);
