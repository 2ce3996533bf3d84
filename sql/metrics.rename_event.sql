-- The saved metrics that count events of this name name another one from then on.
update metrics
set definition = json_set(definition, '$.terms', json((
      select json_group_array(json(iif(value ->> 'event' = :event_name, json_set(value, '$.event', :new_name), value)))
      from json_each(definition, '$.terms')))),
    updated_at = :now
where exists (select 1 from json_each(definition, '$.terms') where value ->> 'event' = :event_name);
