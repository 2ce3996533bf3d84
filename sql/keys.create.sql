-- A new key; its token itself is never stored.
insert into keys ( name,  token_hash,  token_prefix,  scope,  locations,  distinct_id_rule,  created_at)
values           (:name, :token_hash, :token_prefix, :scope, :locations, :distinct_id_rule, :created_at)
returning key_id, name, scope, locations, distinct_id_rule, token_prefix, created_at, last_used_at, revoked_at;
