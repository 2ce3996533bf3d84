-- Numbers the dashboards from 1, in the order of these ids.
update dashboards
set position = o.key + 1
from json_each(:order) as o
where dashboard_id = o.value
  and position <> o.key + 1;
