-- The tags in use in these locations, the most used first.
select t.tag, count(*) as contacts
from json_each(:locations) as j
cross join locations    as l on l.location_id = j.value
cross join contact_tags as t indexed by contact_tags_by_tag on t.location_key = l.location_key
group by t.tag
order by contacts desc, t.tag
limit 10000;
