-- One rejection, to be replayed or dismissed.
select rejection_id, received_at, code, path, query, content_type, body, truncated, problem, key_id, location_id, replayed_at
from rejections
where rejection_id = :rejection_id;
