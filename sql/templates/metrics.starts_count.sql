-- How many events are behind a number of a term with `then`.
--   {counted}  *, or their distinct ids where one may be there several times
--   {source}   metrics.starts, where it is needed with the event e
--   {filters}  a condition on both
with buckets as materialized (
  select key as bucket, value ->> 0 as start, value ->> 1 as end, value ->> 2 as period
  from jsonb_each(:buckets)),
queried_locations as materialized (
  select j.key as location, l.location_key
  from json_each(:locations) as j
  cross join locations as l on l.location_id = j.value)
select count({counted})
{source}
where {filters};
