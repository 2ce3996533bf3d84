-- The dashboard of this name.
select dashboard_id, cards
from dashboards
where name = :name;
