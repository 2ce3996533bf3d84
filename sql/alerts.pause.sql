-- Until when an alert tells nothing; null: it tells.
update alerts
set paused_until = :until
where alert_id = :alert_id;
