-- The saved metric of this name.
select metric_id, definition
from metrics
where name = :name;
