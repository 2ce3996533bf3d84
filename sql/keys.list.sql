-- All keys, the newest first.
select key_id, name, scope, locations, distinct_id_rule, token_prefix, created_at, last_used_at, revoked_at
from keys
where key_id < :below
order by key_id desc;
