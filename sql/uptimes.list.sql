-- When the server listened, in the order in which it did.
select uptime_id, started_at, seen_at, event_id
from uptimes
order by uptime_id;
