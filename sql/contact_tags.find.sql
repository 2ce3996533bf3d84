-- The tags of these locations that are a tag but for the case of their letters.
-- From each tag of a location its index leads to the next one, and not through all contacts that have it.
with recursive places as materialized (
  select l.location_key
  from json_each(:locations) as j
  cross join locations as l on l.location_id = j.value),
tags (location_key, tag) as (
  select location_key,
         (select min(t.tag)
          from contact_tags as t indexed by contact_tags_by_tag
          where t.location_key = places.location_key)
  from places
  union all
  select location_key,
         (select min(t.tag)
          from contact_tags as t indexed by contact_tags_by_tag
          where t.location_key = tags.location_key
            and t.tag > tags.tag)
  from tags
  where tag is not null)
select distinct tag
from tags
where case when :folded is null then tag = :tag collate nocase else casefold(tag) = :folded end
order by tag;
