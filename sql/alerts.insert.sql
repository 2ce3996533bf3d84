-- A new alert.
insert into alerts (name, definition, created_at, updated_at)
values (:name, :definition, :now, :now)
returning alert_id;
