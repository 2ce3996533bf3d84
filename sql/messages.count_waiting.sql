-- How many wait to be sent, and their bytes.
select count(*) as number, coalesce(sum(size), 0) as bytes
from messages indexed by messages_waiting
where due_at is not null;
