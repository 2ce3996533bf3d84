-- The shares of a dashboard end with it.
update keys
set revoked_at = :now
where key_id in (select key_id from shares where dashboard_id = :dashboard_id)
  and revoked_at is null;
