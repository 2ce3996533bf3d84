-- From now on the server listens.
insert into uptimes (started_at, seen_at, event_id)
values (:now, :now, :event_id)
returning uptime_id;
