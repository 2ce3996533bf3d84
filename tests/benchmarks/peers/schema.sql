-- The events of the peers on SQLite: unique as ours, and one index, which is the least a daily count of a name needs.
create table if not exists events (
  event_id    integer primary key,
  location_id text    not null,
  distinct_id text    not null,
  event_name  text    not null,
  contact_id  text,
  timestamp   integer not null,
  properties  text    not null default '{}',
  received_at integer not null,
  unique (location_id, distinct_id)
) strict;

create index if not exists events_by_name on events (location_id, event_name, timestamp);
