-- What is due for a host that cannot be reached waits, too.
update messages indexed by messages_waiting
set due_at  = :due_at,
    outcome = :outcome
where host = :host
  and due_at < :due_at
  and claimed_at is null;
