-- Of the contacts with such an event in the range: how many there are, and of how many only the id is known.
-- Where no location has such a contact, which the partial index knows at once, both are 0.
with places as materialized (
  select l.location_key
  from json_each(:locations) as j
  cross join locations as l on l.location_id = j.value),
bare as not materialized (
  select location_key, contact_key
  from contacts indexed by contacts_bare
  where as_of is null
    and date_created is null
    and fields = '{}'
    and coalesce(name, email, phone, source, type) is null),
seen as materialized (
  select distinct e.contact_key
  from places
  cross join events as e indexed by events_by_name
  where e.location_key = places.location_key
    and e.name_key     = (select coalesce(alias_of, name_key) from event_names where event_name = :event_name)
    and e.timestamp   >= :start
    and e.timestamp    < :end
    and e.contact_key is not null
    and exists (select 1 from places as p cross join bare where bare.location_key = p.location_key))
select (select count(*) from seen) as contacts,
       (select count(*)
        from places cross join bare
        where bare.location_key = places.location_key
          and bare.contact_key in (select contact_key from seen)
          and not exists (select 1 from contact_tags as t where t.contact_key = bare.contact_key)) as unknown;
