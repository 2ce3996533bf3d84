-- Removes those from before a time, but for those that still wait.
delete from messages indexed by messages_by_age
where created_at < :before
  and due_at is null;
