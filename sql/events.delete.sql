-- One event by our own id.
delete from events
where event_id = :event_id;
