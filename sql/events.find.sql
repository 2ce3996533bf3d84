-- One event by our own id.
select *
from events
where event_id = :event_id;
