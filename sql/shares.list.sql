-- A page of the shares, the newest first.
select s.key_id as share_id, s.public_id, k.name, s.dashboard_id, k.locations, s.may, s.expires_at, s.frame_hosts,
       k.token_prefix, k.created_at, k.last_used_at, k.revoked_at
from shares as s
cross join keys as k on k.key_id = s.key_id
where s.key_id < :before
order by s.key_id desc
limit :limit;
