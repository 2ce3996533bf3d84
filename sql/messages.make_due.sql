-- What is due so late that a clock that was wrong must have said so is due now.
update messages
set due_at = :now
where message_id in (select message_id
                     from messages indexed by messages_waiting
                     where due_at > :latest);
