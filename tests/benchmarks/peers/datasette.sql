-- Datasette upserts by the primary key, and writes all columns that are sent: the trigger keeps the timestamp.
create table events (
  location_id text    not null,
  distinct_id text    not null,
  event_name  text    not null,
  contact_id  text,
  timestamp   integer not null,
  properties  text    not null default '{}',
  primary key (location_id, distinct_id)
);

create index events_by_name on events (location_id, event_name, timestamp);

create trigger events_keep_timestamp after update of timestamp on events
when new.timestamp <> old.timestamp
begin
  update events set timestamp = old.timestamp where location_id = old.location_id and distinct_id = old.distinct_id;
end;
