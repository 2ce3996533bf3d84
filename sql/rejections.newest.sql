-- The newest rejection, 0 before the first.
select coalesce(max(rejection_id), 0)
from rejections;
