-- The locations whose newest contacts that a text is found in before the cursor are the newest of all: no others are on the page.
with newest as materialized (
  select l.location_id,
         (select c.contact_key
          from contacts as c indexed by contacts_by_location
          where c.location_key = l.location_key
            and c.contact_key < :before_key
            and (octet_length(concat(c.name, c.email, c.phone)) < :large or in_time())
            and case when :folded is null
                  then c.name like :pattern escape '\' or c.email like :pattern escape '\' or c.phone like :pattern escape '\'
                  else instr(casefold(c.name), :folded) or instr(casefold(c.email), :folded) or instr(casefold(c.phone), :folded)
                end
          order by c.contact_key desc
          limit 1) as contact_key
  from json_each(:locations) as j
  cross join locations as l on l.location_id = j.value)
select location_id
from newest
where contact_key is not null
order by contact_key desc
limit :limit;
