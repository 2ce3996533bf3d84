-- Keeps the newest, as many as are wanted, and all that still wait.
delete from messages
where message_id <= (select max(message_id) from messages) - :number
  and due_at is null;
