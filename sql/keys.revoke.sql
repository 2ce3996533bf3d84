-- A key ends now, or keeps the time at which it ended before.
update keys
set revoked_at = coalesce(revoked_at, :now)
where key_id = :key_id
returning key_id, name, scope, locations, distinct_id_rule, token_prefix, created_at, last_used_at, revoked_at;
