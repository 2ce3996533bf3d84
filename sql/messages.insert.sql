-- A message to send, unless its purpose has one already.
insert into messages (purpose, channel, recipient, content, about, created_at, due_at, until)
values (:purpose, :channel, :recipient, :content, :about, :now, :now, :until)
on conflict (purpose) do nothing;
