-- What is due for a recipient that has just failed waits, too.
update messages indexed by messages_waiting
set due_at  = :due_at,
    outcome = :outcome
where host = :host
  and due_at < :due_at
  and recipient = :recipient
  and claimed_at is null;
