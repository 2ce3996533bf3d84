-- A contact's tags.
select tag
from contact_tags
where contact_key = :contact_key
order by tag;
