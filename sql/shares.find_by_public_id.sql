-- The share that a link leads to.
select s.frame_hosts, s.expires_at, k.revoked_at
from shares as s
cross join keys as k on k.key_id = s.key_id
where s.public_id = :public_id;
