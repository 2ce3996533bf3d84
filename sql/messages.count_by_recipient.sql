-- How many were queued for a recipient since a time; those that were refused then do not count.
select count(*)
from messages indexed by messages_by_recipient
where recipient = :recipient
  and created_at > :since
  and (failed_at is null or attempts > 0);
