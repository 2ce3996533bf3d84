-- Numbers the list from 1, in the order of these ids.
update metrics
set position = o.key + 1
from json_each(:order) as o
where metric_id = o.value
  and position <> o.key + 1;
