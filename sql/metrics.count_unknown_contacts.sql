-- Of the contacts with such an event in the range: how many there are, and of how many only the id is known.
-- Where no location has such a contact, which the partial index knows at once, both are 0.
with bare as not materialized (
  select location_id, contact_id
  from contacts indexed by contacts_bare
  where as_of is null
    and date_created is null
    and fields = '{}'
    and coalesce(name, email, phone, source, type) is null),
seen as materialized (
  select distinct e.location_id, e.contact_id
  from json_each(:locations) as l
  cross join events as e indexed by events_by_name
  where e.location_id = l.value
    and e.event_name  = :event_name
    and e.timestamp  >= :start
    and e.timestamp   < :end
    and e.contact_id is not null
    and exists (select 1 from json_each(:locations) as o cross join bare where bare.location_id = o.value))
select (select count(*) from seen) as contacts,
       (select count(*)
        from seen cross join bare
        where bare.location_id = seen.location_id
          and bare.contact_id  = seen.contact_id
          and not exists (select 1 from contact_tags as t
                          where t.location_id = seen.location_id and t.contact_id = seen.contact_id)) as unknown;
