-- A page of the rejections, the newest first.
select rejection_id, received_at, code, path, query, content_type, body, truncated, problem, key_id, location_id, replayed_at
from rejections
where rejection_id < :before
order by rejection_id desc
limit :limit;
