-- What the last request about an event was told; null for nothing.
update events
set warnings = :warnings
where event_id = :event_id;
