-- What is due so late that a clock that was wrong must have said so is due now.
update messages indexed by messages_waiting
set due_at = :now
where host = :host
  and due_at > :latest;
