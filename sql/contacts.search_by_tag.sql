-- The keys of a page of a location's contacts with a tag that a text is found in, in whatever case, the newest first.
select t.contact_key
from locations as l
cross join contact_tags as t indexed by contact_tags_by_tag on t.location_key = l.location_key
cross join contacts     as c on c.contact_key = t.contact_key
where l.location_id = :location_id
  and t.tag = :tag
  and t.contact_key < :before_key
  and (octet_length(concat(c.name, c.email, c.phone)) < :large or in_time())
  and case when :folded is null
        then c.name like :pattern escape '\' or c.email like :pattern escape '\' or c.phone like :pattern escape '\'
        else instr(casefold(c.name), :folded) or instr(casefold(c.email), :folded) or instr(casefold(c.phone), :folded)
      end
order by t.contact_key desc
limit :limit;
