-- A rejection knows the contact that its body names, with whom it goes, and its size: each sender has a share of what is kept.

alter table rejections add column contact_id text;          -- where the body names one
alter table rejections add column size integer not null generated always as (length(body) + length(problem)) virtual;

update rejections as r
set contact_id = (select coalesce(nullif(json ->> '$.customData.contact_id', ''),
                                  nullif(json ->> '$.contact_id', ''),
                                  iif(json ->> '$.type' glob 'Contact*', json ->> '$.id', null))
                  from (select cast(r.body as text) as json))
where json_valid(cast(body as text))
  and json_type(cast(body as text)) = 'object';

create index rejections_by_location on rejections (location_id, rejection_id);
create index rejections_by_contact  on rejections (location_id, contact_id) where contact_id is not null;
create index rejections_by_sender   on rejections (key_id, location_id, rejection_id, size);

create trigger contacts_delete_rejections after delete on contacts
begin
  delete from rejections
  where location_id = (select location_id from locations where location_key = old.location_key)
    and contact_id = old.contact_id;
end;

create trigger locations_delete_rejections after delete on locations
begin
  delete from rejections where location_id = old.location_id;
end;

drop trigger main.events_replaced;

create trigger events_replaced after update of name_key, contact_key on events
when old.contact_key <> new.contact_key
  or (old.name_key <> new.name_key
      and not exists (select 1 from event_names where name_key = old.name_key and alias_of = new.name_key))
begin
  insert into rejections (received_at, code, path, content_type, body, problem, location_id, contact_id)
  select
    new.updated_at,
    'event_replaced',
    '/events/ingestion/v1',
    'application/json',
    cast(json_object(
      'event_name',  (select event_name from event_names where name_key = old.name_key),
      'location_id', location_id,
      'distinct_id', old.distinct_id,
      'contact_id',  contact_id,
      'timestamp',   strftime('%Y-%m-%dT%H:%M:%fZ', old.timestamp / 1000.0, 'unixepoch'),
      'properties',  json(old.properties)) as blob),
    json_object(
      'type',   'about:blank',
      'title',  'Event replaced',
      'status', 409,
      'code',   'event_replaced',
      'detail', 'A later request with the same distinct_id changed the name or the contact of this event. '
                || 'To keep both, send this one again under another distinct_id.'),
    location_id,
    contact_id
  from locations
  left join contacts on contacts.contact_key = old.contact_key
  where locations.location_key = old.location_key;
end;
