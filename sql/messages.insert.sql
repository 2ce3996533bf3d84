-- A message to send, unless its purpose was queued before; with failed_at one that is refused.
insert into messages ( purpose,  channel,  host,  recipient,  title,  about,  created_at,  due_at,  until,  failed_at,  outcome,  size,  content)
values               (:purpose, :channel, :host, :recipient, :title, :about, :now,        :due_at, :until, :failed_at, :outcome, :size, :content)
on conflict (purpose) do nothing
returning message_id;
