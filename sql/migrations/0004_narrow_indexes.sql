-- The indexes and triggers of the narrow rows, and a view with the texts for people who open the file.

create index contacts_by_location on contacts (location_key);                  -- in the order of their keys: the newest last
create index contacts_bare        on contacts (location_key)                     -- of whom nothing but the id is known
  where as_of is null and date_created is null and fields = '{}' and coalesce(name, email, phone, source, type) is null;

create index contact_tags_by_tag on contact_tags (location_key, tag, contact_key);

create unique index events_by_distinct_id on events (location_key, distinct_id);
create        index events_by_name        on events (location_key, name_key, timestamp, event_id, contact_key);  -- the id: pages are ordered by it
create        index events_by_time        on events (location_key, timestamp);
create        index events_by_arrival     on events (location_key, updated_at);

create index event_names_by_alias on event_names (alias_of) where alias_of is not null;
create index event_names_moving   on event_names (moving_from) where moving_from is not null;

-- Every event with its texts. It reads as the one wide table that older files had.

create view events_with_texts as
select e.event_id, l.location_id, e.distinct_id, n.event_name, c.contact_id, e.timestamp, e.properties,
       e.received_at, e.updated_at, e.update_count, e.warnings
from events as e
join locations   as l using (location_key)
join event_names as n using (name_key)
left join contacts as c using (contact_key);

create view contacts_with_texts as
select c.contact_key, l.location_id, c.contact_id, c.name, c.email, c.phone, c.source, c.type, c.date_created, c.fields,
       (select json_group_array(tag) from contact_tags where contact_key = c.contact_key) as tags,
       c.as_of, c.created_at, c.updated_at
from contacts as c
join locations as l using (location_key);

-- What hangs on a deleted row goes with it.

create trigger contacts_delete after delete on contacts
begin
  delete from contact_tags where contact_key = old.contact_key;
  delete from events       where contact_key = old.contact_key;
end;

create trigger locations_delete after delete on locations
begin
  delete from events   where location_key = old.location_key;
  delete from contacts where location_key = old.location_key;
end;

-- An update that turns an event into another one (its name or its contact changed, as when one
-- distinct_id is used twice by mistake) keeps the replaced version, ready to be replayed.
-- An event that moves to the name that its own name has become an alias of is the same event.

create trigger events_replaced after update of name_key, contact_key on events
when old.contact_key <> new.contact_key
  or (old.name_key <> new.name_key
      and not exists (select 1 from event_names where name_key = old.name_key and alias_of = new.name_key))
begin
  insert into rejections (received_at, code, path, content_type, body, problem, location_id)
  select
    new.updated_at,
    'event_replaced',
    '/events/ingestion/v1',
    'application/json',
    cast(json_object(
      'event_name',  (select event_name from event_names where name_key    = old.name_key),
      'location_id', location_id,
      'distinct_id', old.distinct_id,
      'contact_id',  (select contact_id from contacts    where contact_key = old.contact_key),
      'timestamp',   strftime('%Y-%m-%dT%H:%M:%fZ', old.timestamp / 1000.0, 'unixepoch'),
      'properties',  json(old.properties)) as blob),
    json_object(
      'type',   'about:blank',
      'title',  'Event replaced',
      'status', 409,
      'code',   'event_replaced',
      'detail', 'A later request with the same distinct_id changed the name or the contact of this event. '
                || 'To keep both, send this one again under another distinct_id.'),
    location_id
  from locations
  where location_key = old.location_key;
end;
