-- Shares that were revoked or have expired go for new ones, the oldest first.
delete from shares
where key_id in (select s.key_id
                 from shares as s
                 cross join keys as k on k.key_id = s.key_id
                 where k.revoked_at is not null
                    or s.expires_at <= :now
                 order by s.key_id
                 limit :limit)
returning key_id;
