-- When a key was last used, written now and then.
update keys
set last_used_at = max(coalesce(last_used_at, 0), :last_used_at)
where key_id = :key_id;
