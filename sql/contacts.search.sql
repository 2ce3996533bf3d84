-- The keys of a page of a location's contacts that a text is found in, in whatever case, the newest first.
select c.contact_key
from locations as l
cross join contacts as c indexed by contacts_by_location on c.location_key = l.location_key
where l.location_id = :location_id
  and c.contact_key < :before_key
  and (octet_length(concat(c.name, c.email, c.phone)) < :large or in_time())
  and case when :folded is null
        then c.name like :pattern escape '\' or c.email like :pattern escape '\' or c.phone like :pattern escape '\'
        else instr(casefold(c.name), :folded) or instr(casefold(c.email), :folded) or instr(casefold(c.phone), :folded)
      end
order by c.contact_key desc
limit :limit;
