-- The tags in use in these locations, the most used first.
select t.tag, count(*) as contacts
from json_each(:locations) as l
cross join contact_tags as t indexed by contact_tags_by_tag
where t.location_id = l.value
group by t.tag
order by contacts desc, t.tag
limit 10000;
