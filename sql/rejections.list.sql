-- A page of the rejections, the newest first.
select *
from rejections
where rejection_id < :before
order by rejection_id desc
limit :limit;
