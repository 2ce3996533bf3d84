-- A location whose deletion is to go on.
select location_key
from locations
where former_id is not null
limit 1;
