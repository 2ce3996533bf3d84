-- A new report.
insert into reports (name, definition, next_at, created_at, updated_at)
values (:name, :definition, :next_at, :now, :now)
returning report_id;
