-- The locations whose newest contacts with one of some tags that a text is found in before the cursor are the newest of all: no others are on the page.
with newest as materialized (
  select l.location_id,
         (select max((select t.contact_key
                      from contact_tags as t indexed by contact_tags_by_tag
                      cross join contacts as c on c.contact_key = t.contact_key
                      where t.location_key = l.location_key
                        and t.tag = w.value
                        and t.contact_key < :before_key
                        and (octet_length(concat(c.name, c.email, c.phone)) < :large or in_time())
                        and case when :folded is null
                              then c.name like :pattern escape '\' or c.email like :pattern escape '\' or c.phone like :pattern escape '\'
                              else instr(casefold(c.name), :folded) or instr(casefold(c.email), :folded) or instr(casefold(c.phone), :folded)
                            end
                      order by t.contact_key desc
                      limit 1))
          from json_each(:tags) as w) as contact_key
  from json_each(:locations) as j
  cross join locations as l on l.location_id = j.value)
select location_id
from newest
where contact_key is not null
order by contact_key desc
limit :limit;
