-- The fields in use among the 1,000 newest contacts of a location, with the kinds of their values.
-- A custom field whose name would be read as another field is named under fields.
with newest as materialized (
  select name, email, phone, source, type, date_created, fields
  from contacts indexed by contacts_by_location
  where location_key = (select location_key from locations where location_id = :location_id)
  order by contact_key desc
  limit 1000)
select field, json_group_array(distinct kind) as kinds
from (select iif(j.key in ('name', 'email', 'phone', 'source', 'type', 'date_created', 'tags') or j.key glob 'fields.*',
                 'fields.', '') || j.key as field,
             iif(j.type in ('integer', 'real'), 'number', 'text') as kind
      from newest, json_each(newest.fields) as j
      where j.type <> 'null'
      union all select 'name',         'text' from newest where name         is not null
      union all select 'email',        'text' from newest where email        is not null
      union all select 'phone',        'text' from newest where phone        is not null
      union all select 'source',       'text' from newest where source       is not null
      union all select 'type',         'text' from newest where type         is not null
      union all select 'date_created', 'date' from newest where date_created is not null)
group by field;
