-- Alerts, reports, and the outbox of what they tell. The server fills the outbox; `send` empties it.

create table alerts (
  alert_id     integer primary key autoincrement,
  name         text    not null unique check (name <> ''),
  definition   text    not null check (json_valid(definition)),  -- its kind, what it watches, whom it tells
  paused_until integer,                                   -- null: it is not paused
  created_at   integer not null,
  updated_at   integer not null
) strict;

create table alert_states (
  alert_id    integer not null references alerts (alert_id) on delete cascade,
  location_id text    not null,                           -- '': of all together
  state       text    not null check (state in ('ok', 'firing', 'no_data')),
  since       integer not null,
  told_at     integer,                                    -- of this state
  detail      text    not null default '{}' check (json_valid(detail)),  -- what was found last
  primary key (alert_id, location_id)
) strict, without rowid;

create table reports (
  report_id    integer primary key autoincrement,
  name         text    not null unique check (name <> ''),
  definition   text    not null check (json_valid(definition)),  -- its dashboard, when, and to whom for which location
  next_at      integer,                                   -- when it is due; null: never again, or paused
  created_at   integer not null,
  updated_at   integer not null
) strict;

create index reports_by_time on reports (next_at) where next_at is not null;

create table unsubscribed (
  report_id integer not null references reports (report_id) on delete cascade,
  address   text    not null,
  at        integer not null,
  primary key (report_id, address)
) strict, without rowid;

create table messages (
  message_id integer primary key autoincrement,
  purpose    text    not null unique,                     -- what it tells whom: no purpose is told twice
  channel    text    not null check (channel in ('mail', 'webhook')),
  host       text    not null,                            -- of a webhook's URL; '': the mail server
  recipient  text    not null,                            -- an address, or the URL of a webhook
  title      text    not null,                            -- what a list shows of it
  about      text    not null default '',                 -- 'alert 1', 'report 2', 'test': where it was set up
  created_at integer not null,
  due_at     integer,                                     -- when it is tried next, which a claim moves; null: it is over
  until      integer not null,                            -- when to give up
  attempts   integer not null default 0,
  claimed_at integer,                                     -- by a sender that has not told yet what came of it
  sent_at    integer,
  failed_at  integer,                                     -- given up
  outcome    text,                                        -- in words, what the other side said last
  size       integer not null,                            -- bytes of content
  content    text    not null check (json_valid(content))  -- mail: subject, text, html, unsubscribe; webhook: body; {}: over
) strict;

create index messages_waiting      on messages (host, due_at, size) where due_at is not null;
create index messages_about        on messages (about, message_id);
create index messages_by_recipient on messages (recipient, created_at);
create index messages_by_age       on messages (created_at);
