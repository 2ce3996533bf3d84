-- The saved metrics that name events of this name, also as what may follow, name another one from then on.
update metrics
set definition = json_set(definition, '$.terms', json((
      select json_group_array(json(iif(value ->> '$.then.event' = :event_name, json_set(renamed, '$.then.event', :new_name), renamed)))
      from (select value, iif(value ->> 'event' = :event_name, json_set(value, '$.event', :new_name), value) as renamed
            from json_each(definition, '$.terms'))))),
    updated_at = :now
where exists (
  select 1
  from json_each(definition, '$.terms')
  where :event_name in (value ->> 'event', value ->> '$.then.event'));
