-- States of an alert that have changed.
insert into alert_states (alert_id, subject, state, since, told, fired, detail)
select :alert_id, s.value ->> 'subject', s.value ->> 'state', s.value ->> 'since', s.value ->> 'told', s.value -> 'fired', s.value -> 'detail'
from json_each(:states) as s
where true
on conflict (alert_id, subject) do update
set state  = excluded.state,
    since  = excluded.since,
    told   = excluded.told,
    fired  = excluded.fired,
    detail = excluded.detail;
