-- It was sent or given up, by the sender that has claimed it; what it said is no longer kept.
update messages
set claimed_at = null,
    due_at     = null,
    sent_at    = :sent_at,
    failed_at  = :failed_at,
    outcome    = :outcome,
    content    = '{}',
    size       = 2
where message_id = :message_id
  and claimed_at = :claimed_at;
