-- A location of this id whose deletion is going on.
select location_key
from locations
where former_id = :location_id
limit 1;
