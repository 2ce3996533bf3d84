-- How many were given up since a time, of those that were queued since then.
select count(*)
from messages indexed by messages_by_age
where created_at > :since
  and failed_at is not null;
