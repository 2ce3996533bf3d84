-- What a term makes of a property of its events: in each bucket, each location and each range, each time of all of its events.
-- The property is read once; what has it and is skipped, since it is no number, is counted.
--   {filters}    a condition on an event e
--   {raw}        the property of e
--   {moment}     what orders events by time, where the aggregation needs that
--   {x}          raw as the aggregation takes it, null where it does not
--   {kept}       materialized or not, which is cheaper where x is
--   {order}      order by x, where that makes the aggregation fast
--   {aggregate}  the aggregation over x
with buckets as materialized (
  select key as bucket, value ->> 0 as start, value ->> 1 as end, value ->> 2 as period
  from jsonb_each(:buckets)),
queried_locations as materialized (
  select j.key as location, l.location_key
  from json_each(:locations) as j
  cross join locations as l on l.location_id = j.value),
raws as materialized (
  select b.bucket, b.period, l.location, {raw} as raw, {moment} as moment
  from buckets as b
  cross join queried_locations as l
  cross join events as e indexed by events_by_name
  where e.location_key = l.location_key
    and e.name_key     = (select coalesce(alias_of, name_key) from event_names where event_name = :event_name)
    and e.timestamp   >= b.start
    and e.timestamp    < b.end
    and {filters}),
facts as {kept} (
  select *, {x} as x
  from raws
  {order})
select 'total', 0, null, count(raw) - count(x) as skipped, {aggregate}
from facts
where period = 0
union all
select 'total', 1, null, 0, {aggregate}
from facts
where period = 1
  and :compared
union all
select 'bucket', bucket, null, 0, {aggregate}
from facts
group by bucket
union all
select 'location', period, location, 0, {aggregate}
from facts
where :several
group by period, location;
