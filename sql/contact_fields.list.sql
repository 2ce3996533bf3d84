-- The fields in use among the 1,000 newest contacts of a location, with the kinds of their values, out of :most_bytes of their fields.
-- A custom field whose name would be read as another field is named under fields.
with newest (contact_key, size) as materialized (
  select contact_key, octet_length(fields)
  from contacts indexed by contacts_by_location
  where location_key = (select location_key from locations where location_id = :location_id)
  order by contact_key desc
  limit 1000),
totals (contact_key, total) as materialized (
  select contact_key, sum(size) over (order by contact_key desc rows unbounded preceding)
  from newest),
sample as materialized (
  select name       is not null as has_name,
         email      is not null as has_email,
         phone      is not null as has_phone,
         source     is not null as has_source,
         type       is not null as has_type,
         date_created is not null as has_date_created,
         iif(total <= :most_bytes, fields, '{}') as fields
  from totals
  cross join contacts as c on c.contact_key = totals.contact_key)
select field, json_group_array(distinct kind) as kinds
from (select iif(j.key in ('name', 'email', 'phone', 'source', 'type', 'date_created', 'tags') or j.key glob 'fields.*',
                 'fields.', '') || j.key as field,
             iif(j.type in ('integer', 'real'), 'number', 'text') as kind
      from sample, json_each(sample.fields) as j
      where j.type <> 'null'
      union all select 'name',         'text' from sample where has_name
      union all select 'email',        'text' from sample where has_email
      union all select 'phone',        'text' from sample where has_phone
      union all select 'source',       'text' from sample where has_source
      union all select 'type',         'text' from sample where has_type
      union all select 'date_created', 'date' from sample where has_date_created)
group by field;
