-- All reports.
select report_id, name, definition, next_at, asked, sent_at, problem, created_at, updated_at
from reports
order by report_id;
