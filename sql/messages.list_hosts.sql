-- The hosts for which messages wait, and when the first and the last of them are due.
select host, min(due_at) as first, max(due_at) as last
from messages indexed by messages_waiting
where due_at is not null
group by host;
