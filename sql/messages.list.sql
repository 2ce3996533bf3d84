-- A page of the messages, the newest first, without what they say.
select message_id, channel, recipient, title, about, created_at, due_at, attempts, claimed_at, sent_at, failed_at, outcome
from messages
where message_id < :before
order by message_id desc
limit :limit;
