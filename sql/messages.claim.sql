-- Gives a sender the message of a host that is due first. No other one gets it until :until.
update messages
set claimed_at = :now,
    due_at     = :until,
    attempts   = attempts + 1
where message_id = (select message_id
                    from messages indexed by messages_waiting
                    where host = :host
                      and due_at <= :now
                    order by due_at
                    limit 1)
returning message_id, purpose, channel, host, recipient, content, about, until, attempts, claimed_at;
