-- What a term makes of its events by the groups of a breakdown: of each range, and of each bucket.
-- The property is read once. With tags an event is in several groups, but once in each.
--   {distinct}   distinct, where an event may be in one group twice
--   {group}      the group of an event e
--   {tags}       a join of the tags of its contact, t
--   {filters}    a condition on e
--   {raw}        what of e the term is about
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
  select {distinct} b.bucket, b.period, {group} as "group", e.event_id, {raw} as raw, {moment} as moment
  from buckets as b
  cross join queried_locations as l
  cross join events as e indexed by events_by_name
  {tags}
  where e.location_key = l.location_key
    and e.name_key     = (select coalesce(alias_of, name_key) from event_names where event_name = :event_name)
    and e.timestamp   >= b.start
    and e.timestamp    < b.end
    and {filters}),
facts as {kept} (
  select *, {x} as x
  from raws
  {order})
select 'group', period, "group", 0 as skipped, {aggregate}
from facts
group by period, "group"
union all
select 'group_bucket', bucket, "group", 0, {aggregate}
from facts
group by bucket, "group";
