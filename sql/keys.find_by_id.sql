-- A key by its number.
select key_id, name, scope, locations, distinct_id_rule, last_used_at, revoked_at
from keys
where key_id = :key_id;
