-- All saved metrics, in their order.
select metric_id, name, definition, position, created_at, updated_at
from metrics
order by position, metric_id;
