-- The last of the next :limit events of an older file, those with ids above :after; null at the end.
select max(event_id)
from (select event_id
      from old.events
      where event_id > :after
      order by event_id
      limit :limit);
