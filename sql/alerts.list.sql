-- All alerts.
select alert_id, name, definition, paused_until, told, problem, problem_at, problem_told, created_at, updated_at
from alerts
order by alert_id;
