-- What an older file has beyond our own tables and views. It is not copied.
select name
from old.sqlite_schema
where type in ('table', 'view')
  and name <> 'epochs'
  and name not like 'sqlite\_%' escape '\'
  and name not in (select name from main.sqlite_schema)
order by name;
