-- The key that a request was sent with.
select key_id, name, scope, locations, distinct_id_rule, token_prefix, revoked_at
from keys
where token_hash = :token_hash;
