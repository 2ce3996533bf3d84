-- Some of a contact's events.
delete from events
where event_id in (select e.event_id
                   from epochs
                   cross join events as e indexed by events_by_contact on e.event_id >> 14 = epoch and e.contact_key = :contact_key
                   limit :limit);
