-- A page of one location's rejections, the newest first.
select *
from rejections indexed by rejections_by_location
where location_id = :location_id
  and rejection_id < :before
order by rejection_id desc
limit :limit;
