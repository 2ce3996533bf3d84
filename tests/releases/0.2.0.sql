pragma application_id = 0x534c4954;
pragma user_version = 2;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE locations (
  location_id     text    primary key not null check (location_id <> ''),
  name            text,
  timezone        text,                                   -- an IANA name
  name_edited     integer not null default 0 check (name_edited in (0, 1)),      -- 1: a person set it, bodies no longer do
  timezone_edited integer not null default 0 check (timezone_edited in (0, 1)),
  first_seen_at   integer not null
) strict, without rowid;
INSERT INTO locations VALUES('loc-1','Berlin','Europe/Berlin',1,1,1767225600000);
CREATE TABLE contacts (
  location_id  text    not null check (location_id <> ''),
  contact_id   text    not null check (contact_id <> ''),
  name         text,
  email        text,
  phone        text,
  source       text,
  type         text,
  date_created integer,                                   -- in the CRM
  fields       text    not null default '{}' check (json_valid(fields)),       -- every other scalar field by name
  field_times  text    not null default '{}' check (json_valid(field_times)),  -- date of the dated body each field came from
  as_of        integer,                                   -- date of the newest dated body applied
  created_at   integer not null,                          -- first seen here
  updated_at   integer not null,
  primary key (location_id, contact_id)
) strict;
INSERT INTO contacts VALUES('loc-1','c-1','Ann','ann@example.com',NULL,NULL,NULL,NULL,'{"Country":"Mexico"}','{}',NULL,1767225600000,1767225600000);
CREATE TABLE contact_tags (
  location_id text not null,
  contact_id  text not null,
  tag         text not null check (tag <> ''),
  primary key (location_id, contact_id, tag)
) strict, without rowid;
INSERT INTO contact_tags VALUES('loc-1','c-1','new lead');
INSERT INTO contact_tags VALUES('loc-1','c-1','vip');
CREATE TABLE events (
  event_id     integer primary key autoincrement,         -- an id is never given twice, even after a delete
  location_id  text    not null check (location_id <> ''),
  distinct_id  text    not null check (distinct_id <> ''),
  event_name   text    not null check (event_name <> ''),
  contact_id   text    check (contact_id <> ''),          -- null: an account event
  timestamp    integer not null check (timestamp between 0 and 7258118399999),  -- 1970 to 2200
  properties   text    not null default '{}' check (json_valid(properties)),
  received_at  integer not null,
  updated_at   integer not null,
  update_count integer not null default 0,
  warnings     text    check (warnings is null or json_valid(warnings)),      -- of the last request, null: none
  unique (location_id, distinct_id)
) strict;
INSERT INTO events VALUES(1,'loc-1','d-1','Offer Made','c-1',1767225600000,'{"value":1.5,"note":"it''s 5 %"}',1767225600000,1767225600000,0,NULL);
INSERT INTO events VALUES(2,'loc-1','d-2','Offer Made',NULL,1767139200000,'{}',1767225600000,1767225600000,0,'[{"code": "timestamp_kept", "message": "the event keeps the timestamp of its first request, 2025-12-31T00:00:00.000Z"}]');
CREATE TABLE keys (
  key_id           integer primary key autoincrement,
  name             text    not null check (name <> ''),
  token_hash       text    not null unique,               -- SHA-256, hexadecimal
  token_prefix     text    not null,                      -- the visible first characters
  scope            text    not null check (scope in ('ingest', 'sync', 'read', 'admin')),
  locations        text    check (locations is null or json_valid(locations)), -- the only location_ids it may touch, null: all
  distinct_id_rule text    not null default 'refuse' check (distinct_id_rule in ('refuse', 'generate')),
  created_at       integer not null,
  last_used_at     integer,
  revoked_at       integer
) strict;
INSERT INTO keys VALUES(1,'Workflows','70048219f100e19fb2cabe0d4061e8a42ed3863074066a0e6f64f66a60820f5e','sl_-FXqoI','ingest','["loc-1"]','refuse',1767225600000,NULL,NULL);
CREATE TABLE rejections (
  rejection_id integer primary key autoincrement,
  received_at  integer not null,
  code         text    not null,
  path         text    not null,
  query        text    not null default '',               -- without the key
  content_type text    not null default '',
  body         blob    not null,                          -- as it came, its first 64 kB
  truncated    integer not null default 0 check (truncated in (0, 1)),
  problem      text    not null check (json_valid(problem)),
  key_id       integer,
  location_id  text,                                      -- where the body names one
  replayed_at  integer
) strict;
INSERT INTO rejections VALUES(1,1767225600000,'invalid','/events/ingestion/v1','','application/json',X'7b226576656e745f6e616d65223a202278227d',0,'{"type":"about:blank","title":"Invalid","status":422,"detail":"/location_id: is required; /distinct_id: is required","code":"invalid","errors":[{"pointer":"/location_id","code":"required","message":"is required"},{"pointer":"/distinct_id","code":"required","message":"is required"}]}',NULL,NULL,NULL);
CREATE TABLE metrics (
  metric_id  integer primary key autoincrement,
  name       text    not null unique check (name <> ''),
  definition text    not null check (json_valid(definition)),
  position   integer not null,
  created_at integer not null,
  updated_at integer not null
) strict;
INSERT INTO metrics VALUES(1,'Sales','{"terms":[{"key":"A","event":"Offer Made","type":"account","aggregation":"count"}]}',1,1767225600000,1767225600000);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('events',3);
INSERT INTO sqlite_sequence VALUES('metrics',1);
INSERT INTO sqlite_sequence VALUES('keys',1);
INSERT INTO sqlite_sequence VALUES('rejections',1);
CREATE INDEX contacts_by_update on contacts (location_id, updated_at, contact_id);
CREATE INDEX contacts_bare      on contacts (location_id, contact_id)                 -- of whom nothing but the id is known
  where as_of is null and date_created is null and fields = '{}' and coalesce(name, email, phone, source, type) is null

;
CREATE INDEX contact_tags_by_tag on contact_tags (location_id, tag, contact_id);
CREATE INDEX events_by_name    on events (location_id, event_name, timestamp, event_id, contact_id);
CREATE INDEX events_by_time    on events (location_id, timestamp);
CREATE INDEX events_by_arrival on events (location_id, updated_at);
CREATE INDEX rejections_by_age on rejections (received_at);
CREATE INDEX metrics_by_position on metrics (position, metric_id);
CREATE TRIGGER events_insert_location after insert on events
begin
  insert into locations (location_id, first_seen_at)
  values (new.location_id, new.received_at)
  on conflict do nothing;
end;
CREATE TRIGGER contacts_insert_location after insert on contacts
begin
  insert into locations (location_id, first_seen_at)
  values (new.location_id, new.created_at)
  on conflict do nothing;
end;
CREATE TRIGGER events_insert_contact after insert on events
when new.contact_id is not null
begin
  insert into contacts (location_id, contact_id, created_at, updated_at)
  values (new.location_id, new.contact_id, new.received_at, new.received_at)
  on conflict do nothing;
end;
CREATE TRIGGER events_update_contact after update of contact_id on events
when new.contact_id is not null
begin
  insert into contacts (location_id, contact_id, created_at, updated_at)
  values (new.location_id, new.contact_id, new.updated_at, new.updated_at)
  on conflict do nothing;
end;
CREATE TRIGGER locations_delete after delete on locations
begin
  delete from events   where location_id = old.location_id;
  delete from contacts where location_id = old.location_id;
end;
CREATE TRIGGER events_replaced after update of event_name, contact_id on events
when old.event_name <> new.event_name or old.contact_id <> new.contact_id
begin
  insert into rejections (received_at, code, path, content_type, body, problem, location_id)
  values (
    new.updated_at,
    'event_replaced',
    '/events/ingestion/v1',
    'application/json',
    cast(json_object(
      'event_name',  old.event_name,
      'location_id', old.location_id,
      'distinct_id', old.distinct_id,
      'contact_id',  old.contact_id,
      'timestamp',   strftime('%Y-%m-%dT%H:%M:%fZ', old.timestamp / 1000.0, 'unixepoch'),
      'properties',  json(old.properties)) as blob),
    json_object(
      'type',   'about:blank',
      'title',  'Event replaced',
      'status', 409,
      'code',   'event_replaced',
      'detail', 'A later request with the same distinct_id changed the name or the contact of this event. '
                || 'To keep both, send this one again under another distinct_id.'),
    old.location_id
  );
end;
CREATE INDEX events_by_contact on events (location_id, event_id >> 14, contact_id, timestamp) where contact_id is not null;
CREATE VIEW epochs as
with recursive numbers(epoch) as (
  select 0
  union all
  select epoch + 1
  from numbers
  where epoch < (select max(event_id) >> 14 from events))
select epoch
from numbers;
CREATE TRIGGER contacts_delete_tags after delete on contacts
begin
  delete from contact_tags
  where location_id = old.location_id
    and contact_id = old.contact_id;
end;
CREATE TRIGGER contacts_delete_events after delete on contacts
when exists (select 1 from events where location_id = old.location_id)  -- a location's deletion has deleted them before
begin
  delete from events
  where location_id = old.location_id
    and event_id >> 14 in (select epoch from epochs)
    and contact_id = old.contact_id;
end
;
COMMIT;
