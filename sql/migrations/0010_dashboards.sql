-- Dashboards, links that share one, and what they look like. The dashboard of before, with all metrics, becomes the first.

create table dashboards (
  dashboard_id integer primary key autoincrement,
  name         text    not null unique check (name <> ''),
  cards        text    not null default '[]' check (json_type(cards) = 'array'),  -- of each its metric_id and how it is shown
  position     integer not null,
  updated_at   integer                                    -- null: as the file was made with it
) strict;

create index dashboards_by_position on dashboards (position, dashboard_id);

insert into dashboards (name, cards, position)
select 'Dashboard', json_group_array(json_object('metric_id', metric_id)), 1
from (select metric_id from metrics order by position, metric_id);

-- A share is a key that sees one dashboard and nothing else. Keys are made anew, for the check of their scope is a part of
-- their table.

create table new_keys (
  key_id           integer primary key autoincrement,
  name             text    not null check (name <> ''),
  token_hash       text    not null unique,               -- SHA-256, hexadecimal
  token_prefix     text    not null,                      -- the visible first characters
  scope            text    not null check (scope in ('ingest', 'sync', 'read', 'admin', 'share')),
  locations        text    check (locations is null or json_valid(locations)), -- the only location_ids it may touch, null: all
  distinct_id_rule text    not null default 'refuse' check (distinct_id_rule in ('refuse', 'generate')),
  created_at       integer not null,
  last_used_at     integer,
  revoked_at       integer
) strict;

insert into new_keys
select key_id, name, token_hash, token_prefix, scope, locations, distinct_id_rule, created_at, last_used_at, revoked_at
from main.keys;

drop table main.keys;
alter table new_keys rename to keys;

create table shares (
  key_id       integer primary key references keys (key_id),
  public_id    text    not null unique check (length(public_id) >= 16),         -- stands in the link
  dashboard_id integer not null,                          -- of a dashboard that may have been deleted since
  may          text    not null check (json_type(may) = 'array'),               -- what viewers may do: dates, events, download
  frame_hosts  text    not null check (json_type(frame_hosts) = 'array'),       -- whose pages may frame it
  expires_at   integer                                    -- null: it does not
) strict;

create table branding (
  branding_key integer primary key check (branding_key = 1),
  title        text,
  accent       text    check (accent glob '#[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]'),
  frame_hosts  text    not null default '[]' check (json_type(frame_hosts) = 'array'),  -- the agency's own, of new shares
  logo         blob,
  logo_type    text    check (logo_type in ('image/png', 'image/jpeg', 'image/webp')),
  updated_at   integer not null,
  check ((logo is null) = (logo_type is null))
) strict;
