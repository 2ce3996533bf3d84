-- A contact's tags.
select tag
from contact_tags
where location_id = :location_id
  and contact_id = :contact_id
order by tag;
