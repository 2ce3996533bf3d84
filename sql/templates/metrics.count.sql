-- How many of a term's events are in each bucket, each location and each range.
-- Each bucket of each location is a range of one index, counted as it is. Numbers of events add up.
--   {filters}  a condition on an event e
with buckets as materialized (
  select key as bucket, value ->> 0 as start, value ->> 1 as end, value ->> 2 as period
  from jsonb_each(:buckets)),
queried_locations as materialized (
  select j.key as location, l.location_key
  from json_each(:locations) as j
  cross join locations as l on l.location_id = j.value),
counts as materialized (
  select *
  from (select b.bucket, b.period, l.location,
               (select count(*)
                from events as e indexed by events_by_name
                where e.location_key = l.location_key
                  and e.name_key     = (select coalesce(alias_of, name_key) from event_names where event_name = :event_name)
                  and e.timestamp   >= b.start
                  and e.timestamp    < b.end
                  and {filters}) as value
        from queried_locations as l
        cross join buckets as b
        limit -1)  -- so that each is counted once, and not again for its row
  where value > 0)
select 'total', period, null, 0 as skipped, sum(value) as value
from counts
group by period
union all
select 'bucket', bucket, null, 0, sum(value)
from counts
group by bucket
union all
select 'location', period, location, 0, sum(value)
from counts
where :several
group by period, location;
