-- The keys of a page of the events behind a number of a term with `then`, each with what came of it.
--   {distinct}  distinct, where one may be there several times
--   {rank}      what they are ordered by, the largest first
--   {source}    metrics.starts, where it is needed with the event e
--   {filters}   a condition on both
with buckets as materialized (
  select key as bucket, value ->> 0 as start, value ->> 1 as end, value ->> 2 as period
  from jsonb_each(:buckets)),
queried_locations as materialized (
  select j.key as location, l.location_key
  from json_each(:locations) as j
  cross join locations as l on l.location_id = j.value),
found as (
  select {distinct} s.event_id, s.timestamp, s.contact_key, s.is_over, s.ended_at, {rank} as rank
  {source}
  where {filters})
select *
from found
where rank < :before_rank
   or (rank = :before_rank and event_id < :before_id)
order by rank desc, event_id desc
limit :limit;
