-- How many working shares end with a dashboard.
select count(*)
from shares as s
cross join keys as k on k.key_id = s.key_id
where s.dashboard_id = :dashboard_id
  and k.revoked_at is null;
