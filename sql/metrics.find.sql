-- One saved metric.
select metric_id, name, definition, position, created_at, updated_at
from metrics
where metric_id = :metric_id;
