-- A report.
select report_id, name, definition, next_at, asked, sent_at, problem, created_at, updated_at
from reports
where report_id = :report_id;
