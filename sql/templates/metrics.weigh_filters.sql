-- How many events a term has, :most at most, and how many contacts may match its filters, at most as many as are looked at
-- in the time in which these events would look up theirs.
--   {candidates}  a select of these contacts
with periods as materialized (
  select value ->> 0 as start, value ->> 1 as end
  from jsonb_each(:periods)),
queried_locations as materialized (
  select l.location_key
  from json_each(:locations) as j
  cross join locations as l on l.location_id = j.value),
lookups as materialized (
  select count(*) as events
  from (select 1
        from periods as p
        cross join queried_locations as l
        cross join events as e indexed by events_by_name
        where e.location_key = l.location_key
          and e.name_key     = (select coalesce(alias_of, name_key) from event_names where event_name = :event_name)
          and e.timestamp   >= p.start
          and e.timestamp    < p.end
        limit :most))
select events,
       (select count(*)
        from (select 1
              from ({candidates})
              limit (select events * :contacts_a_lookup from lookups))) as contacts
from lookups;
