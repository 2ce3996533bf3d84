-- The alert of a name.
select alert_id
from alerts
where name = :name;
