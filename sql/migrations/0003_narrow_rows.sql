-- Narrow rows: a text that repeats (a location's id, an event's name, a contact's id) is stored once, and stands under
-- an integer key everywhere else. This makes the empty tables anew. What an older file holds is copied into them by the
-- statements of sql/upgrade/ before the next step adds the indexes, so that each index is written once and in its order.

drop view    epochs;
drop table   contact_tags;
drop table   events;
drop table   contacts;
drop table   locations;

create table locations (
  location_key    integer primary key,
  location_id     text    not null unique check (location_id <> ''),
  name            text,
  timezone        text,                                   -- an IANA name
  name_edited     integer not null default 0 check (name_edited in (0, 1)),      -- 1: a person set it, bodies no longer do
  timezone_edited integer not null default 0 check (timezone_edited in (0, 1)),
  first_seen_at   integer not null
) strict;

create table event_names (
  name_key    integer primary key,
  event_name  text    not null unique check (event_name <> ''),
  alias_of    integer references event_names (name_key),  -- events posted under this name are of that one
  moving_from integer check (moving_from is null or alias_of is not null)  -- in the locations from this key on, older
                                                          -- events still have to be moved there; null: in none
) strict;

create table contacts (
  contact_key  integer primary key,
  location_key integer not null references locations (location_key),
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
  updated_at   integer not null
) strict;

create unique index contacts_by_id on contacts (location_key, contact_id);  -- here, for what is copied is sought by it

create table contact_tags (
  contact_key  integer not null references contacts (contact_key),
  tag          text    not null check (tag <> ''),
  location_key integer not null references locations (location_key),  -- the contact's own
  primary key (contact_key, tag)
) strict, without rowid;

create table events (
  event_id     integer primary key autoincrement,         -- an id is never given twice, even after a delete
  location_key integer not null references locations (location_key),
  name_key     integer not null references event_names (name_key),
  contact_key  integer references contacts (contact_key), -- null: an account event
  distinct_id  text    not null check (distinct_id <> ''),
  timestamp    integer not null check (timestamp between 0 and 7258118399999),  -- 1970 to 2200
  properties   text    not null default '{}' check (json_valid(properties)),
  received_at  integer not null,
  updated_at   integer not null,
  update_count integer not null default 0,
  warnings     text    check (warnings is null or json_valid(warnings))        -- of the last request, null: none
) strict;
