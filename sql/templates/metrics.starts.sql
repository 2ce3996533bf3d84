-- Where a term with `then` has its events from: those of its name, each with whether it is a start and what came of it.
-- All events of both names are put in one order for each contact, the newest first. So what lies next in a row tells whether an
-- event is a start, and the newest end so far is the first one after it. An event that is both is there twice, and ends what was
-- open before it starts. Within a millisecond it does not matter what arrived first: the oldest are those that only start, with
-- role 0, then come those that are both, and the newest are those that only end.
--   {filters}       a condition on an event e of the term
--   {then_filters}  a condition on an event e that may follow
--   {joined}        joins of the event e, and of its contact's tags t, where they are needed
from (
  with spans as materialized (
    select key as period, value ->> 0 as before, value ->> 1 as start, value ->> 2 as until, value ->> 3 as as_of
    from jsonb_each(:spans)),
  names as materialized (
    select (select coalesce(alias_of, name_key) from event_names where event_name = :event_name) as starting,
           (select coalesce(alias_of, name_key) from event_names where event_name = :then_name)  as ending),
  moments as (
    select b.bucket, b.period, l.location, e.contact_key, e.timestamp, e.event_id, true as is_of_term,
           iif(e.name_key = n.ending and {then_filters}, 1, 0) as role
    from names as n
    cross join buckets as b
    cross join queried_locations as l
    cross join events as e indexed by events_by_name
    where e.location_key = l.location_key
      and e.name_key     = n.starting
      and e.timestamp   >= b.start
      and e.timestamp    < b.end
      and {filters}
    union all
    select null, s.period, l.location, e.contact_key, e.timestamp, e.event_id, true,
           iif(e.name_key = n.ending and {then_filters}, 1, 0)
    from names as n
    cross join spans as s
    cross join queried_locations as l
    cross join events as e indexed by events_by_name
    where e.location_key = l.location_key
      and e.name_key     = n.starting
      and e.timestamp   >= s.before
      and e.timestamp    < s.start
      and {filters}
    union all
    select null, s.period, l.location, e.contact_key, e.timestamp, e.event_id, false,
           iif(e.name_key = n.starting and {filters}, 1, 2)
    from names as n
    cross join spans as s
    cross join queried_locations as l
    cross join events as e indexed by events_by_name
    where e.location_key = l.location_key
      and e.name_key     = n.ending
      and e.timestamp   >= s.before
      and e.timestamp   <= s.until
      and e.contact_key is not null
      and {then_filters}),
  histories as (
    select bucket, period, location, contact_key, timestamp, event_id, is_of_term,
           lead(iif(is_of_term, timestamp, null)) over history as earlier,  -- null where an end lies between
           iif(lead(iif(is_of_term, null, timestamp), 3) over history = timestamp,
               timestamp,  -- of another event that is both, before the two rows of this one
               min(iif(is_of_term, null, timestamp)) over (history rows unbounded preceding)) as next_end
    from moments
    window history as (partition by contact_key, period order by timestamp desc, role desc, event_id desc, is_of_term desc))
  select h.bucket, h.period, h.location, h.contact_key, h.timestamp, h.event_id,
         not coalesce(h.timestamp - h.earlier <= :within, false) as is_start,
         h.timestamp + :within < s.as_of as is_over,
         iif(h.next_end <= h.timestamp + :within, h.next_end, null) as ended_at
  from histories as h
  cross join spans as s
  where h.is_of_term
    and h.bucket is not null
    and +s.period = h.period) as s  -- with +, for no index pays: there are two at most
{joined}
