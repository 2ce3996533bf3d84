-- HighLevel's standard fields of contacts have one name, whether they came as City or as city, as bodies are read today: a
-- spelling takes the field's own name where that is free or has the same value, and stays a field of its own where not.

with fields as not materialized (
  select c.contact_key, f.key, f.value, f.type, c.fields, c.field_times,
         replace(replace(replace(lower(f.key), ' ', ''), '_', ''), '-', '') as spelling
  from contacts as c, json_each(c.fields) as f
  where length(f.key) <= 20),
named as not materialized (
  select *,
         case spelling
           when 'firstname'     then 'first_name'
           when 'lastname'      then 'last_name'
           when 'address1'      then 'address1'
           when 'streetaddress' then 'address1'
           when 'city'          then 'city'
           when 'state'         then 'state'
           when 'country'       then 'country'
           when 'postalcode'    then 'postal_code'
           when 'fulladdress'   then 'full_address'
           when 'companyname'   then 'company_name'
           when 'businessname'  then 'company_name'
           when 'website'       then 'website'
           when 'dateofbirth'   then 'date_of_birth'
           when 'timezone'      then 'timezone'
         end as name
  from fields),
spelt as not materialized (
  select contact_key, key, name, spelling <> replace(name, '_', '') as is_other_word,
         case type when 'true' then json('true') when 'false' then json('false') else json_quote(value) end as value,
         fields -> ('$.' || name) as own_value,
         max(coalesce(field_times ->> ('$.".' || key  || '"'), -1),
             coalesce(field_times ->> ('$.".' || name || '"'), -1)) as clock
  from named
  where key <> name
    and (name <> 'timezone' or value glob '[A-Z]*/[A-Z]*' and value not glob '*[ ()]*'))  -- others are no zones
update contacts as c
set (fields, field_times) = (
  select json_patch(json_patch(c.fields,      json_group_object(key, null)),
                    json_group_object(name, json(value))),
         json_patch(json_patch(c.field_times, json_group_object('.' || key, null)),
                    json_group_object('.' || name, clock) filter (where clock >= 0))
  from (
    select key, name, value,
           coalesce(own_value, first_value(value) over spellings) as own_value,
           max(clock) over spellings as clock
    from spelt as s
    where s.contact_key = c.contact_key
    window spellings as (
      partition by name
      order by is_other_word, key  -- Company Name before Business Name
      rows between unbounded preceding and unbounded following))
  where value = own_value)
where contact_key in (select contact_key from spelt);
