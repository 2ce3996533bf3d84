-- The events of a contact, in epochs of 16,384 events, as schema 2 had them. Contacts come at random: with one order for all
-- events nearly each event would write a page of its own, while an epoch has few pages, which many events share until it is
-- full. Who wants the events of a contact looks into each epoch.

drop index if exists main.events_by_contact;  -- that of main, for an older file may be attached

create index events_by_contact on events (event_id >> 14, contact_key, timestamp) where contact_key is not null;

create view epochs as
with recursive numbers(epoch) as (
  select 0
  union all
  select epoch + 1
  from numbers
  where epoch < (select max(event_id) >> 14 from events))
select epoch
from numbers;

drop trigger main.contacts_delete;

create trigger contacts_delete_tags after delete on contacts
begin
  delete from contact_tags where contact_key = old.contact_key;
end;

create trigger contacts_delete_events after delete on contacts
when exists (select 1 from events where location_key = old.location_key)  -- a location's deletion has deleted them before
begin
  delete from events where event_id >> 14 in (select epoch from epochs) and contact_key = old.contact_key;
end;
