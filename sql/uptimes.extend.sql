-- The server still listens.
update uptimes
set seen_at  = :now,
    event_id = :event_id
where uptime_id = :uptime_id;
