-- All that the schema of a file holds, and whether an index is more than an order of columns, so that it may refuse rows.
select
  s.type,
  s.name,
  s.tbl_name,
  s.sql,
  exists (select 1 from pragma_index_list(s.tbl_name) as i where i.name = s.name and (i."unique" or i.partial))
    or exists (select 1 from pragma_index_xinfo(s.name) as c where c.cid = -2 or upper(c.coll) not in ('BINARY', 'NOCASE', 'RTRIM'))
    as is_rule
from sqlite_schema as s
order by s.name;
