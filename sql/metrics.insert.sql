-- A new metric, at the end of the list.
insert into metrics (name, definition, position, created_at, updated_at)
values (:name, :definition, 1 + coalesce((select max(position) from metrics), 0), :now, :now)
returning metric_id;
