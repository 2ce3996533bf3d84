-- Which events came after a certain one, as the turn knows them that has just stored them.
select event_id, location_id, distinct_id
from events
where event_id > :event_id;
