-- The key that a rejection came with.
select key_id, scope, locations, distinct_id_rule
from keys
where key_id = :key_id;
