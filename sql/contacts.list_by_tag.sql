-- The keys of a page of a location's contacts with a tag, the newest first.
select t.contact_key
from locations as l
cross join contact_tags as t indexed by contact_tags_by_tag on t.location_key = l.location_key
where l.location_id = :location_id
  and t.tag = :tag
  and t.contact_key < :before_key
order by t.contact_key desc
limit :limit;
