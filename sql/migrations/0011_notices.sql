-- Alerts, reports, and the outbox of what they tell. The server fills the outbox; `send` empties it.

create table alerts (
  alert_id     integer primary key autoincrement,
  name         text    not null unique check (name <> ''),
  definition   text    not null check (json_valid(definition)),  -- what it watches, whom it tells
  paused_until integer,                                   -- null: it is not paused
  told         text    not null default '[]' check (json_type(told) = 'array'),  -- when it last told something
  problem      text,                                      -- why it cannot be evaluated, null: it can
  problem_at   integer,                                   -- since when
  problem_told integer not null default 0 check (problem_told in (0, 1)),
  created_at   integer not null,
  updated_at   integer not null
) strict;

create table alert_states (
  alert_id integer not null references alerts (alert_id),
  subject  text    not null,                              -- a location_id, a part of the server's health, '': all together
  state    text    not null check (state in ('ok', 'firing', 'no_data')),
  since    integer not null,
  told     text    not null check (told in ('ok', 'firing', 'no_data', 'unsteady')),  -- what was said of it last
  fired    text    not null check (json_type(fired) = 'array'),  -- when it was said to fire, within a day
  detail   text    not null check (json_valid(detail)),   -- what was found when its state changed
  primary key (alert_id, subject)
) strict, without rowid;

create trigger alerts_delete after delete on alerts
begin
  delete from alert_states where alert_id = old.alert_id;
end;

-- When a new event of each name last came from each location: silence is counted from then.

create table arrivals (
  name_key     integer not null references event_names (name_key),
  location_key integer not null references locations (location_key),
  arrived_at   integer not null,
  primary key (name_key, location_key)
) strict, without rowid;

create index arrivals_by_location on arrivals (location_key);

create trigger locations_delete_arrivals after delete on locations
begin
  delete from arrivals where location_key = old.location_key;
end;

create trigger event_names_delete_arrivals after delete on event_names
begin
  delete from arrivals where name_key = old.name_key;
end;

-- When the server listened, so that silence is counted over that time alone. A row is a time without a break: since a start,
-- since the clock was set, or since the file could be written again.

create table uptimes (
  uptime_id  integer primary key autoincrement,
  started_at integer not null,
  seen_at    integer not null,
  event_id   integer not null                             -- up to which arrivals are known
) strict;

create table reports (
  report_id    integer primary key autoincrement,
  name         text    not null unique check (name <> ''),
  definition   text    not null check (json_valid(definition)),  -- its dashboard, when, and to whom for which location
  next_at      integer,                                   -- when it is due; null: it is paused
  asked        text    check (asked is null or json_valid(asked)),  -- to be sent now: since when, and to whom alone
  sent_at      integer,                                   -- when its messages were last written
  problem      text,                                      -- why it could not be written then, null: it could
  created_at   integer not null,
  updated_at   integer not null
) strict;

create index reports_by_time on reports (next_at);
create index reports_asked   on reports (report_id) where asked is not null;

create table unsubscribed (
  report_id integer not null references reports (report_id),
  address   text    not null,
  at        integer not null,
  primary key (report_id, address)
) strict, without rowid;

create trigger reports_delete after delete on reports
begin
  delete from unsubscribed where report_id = old.report_id;
end;

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
