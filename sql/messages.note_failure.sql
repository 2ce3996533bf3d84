-- It is to be tried again, by the sender that has claimed it.
update messages
set claimed_at = null,
    due_at     = :due_at,
    outcome    = :outcome
where message_id = :message_id
  and claimed_at = :claimed_at;
