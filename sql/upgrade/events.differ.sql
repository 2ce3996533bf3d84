-- A location and a name of which the two files hold different events; no row where they hold the same.
-- Both sides read only their events_by_name, in its order.
select location_id, event_name, count(*), count(contact_id), count(distinct contact_id), sum(event_id), sum(timestamp % 4294967296)
from old.events
group by location_id, event_name
except
select location_id, event_name, events, contact_events, contacts, ids, times
from (select location_key, name_key, count(*) as events, count(contact_key) as contact_events, count(distinct contact_key) as contacts,
             sum(event_id) as ids, sum(timestamp % 4294967296) as times
      from main.events
      group by location_key, name_key)
join locations   using (location_key)
join event_names using (name_key)
limit 1;
