-- The ids of all dashboards, in their order.
select dashboard_id
from dashboards
order by position, dashboard_id;
