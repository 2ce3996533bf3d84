-- The newest of an older file's events; null without any.
select max(event_id)
from old.events;
