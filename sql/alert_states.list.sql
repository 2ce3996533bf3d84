-- The states of an alert.
select subject, state, since, told, fired, detail
from alert_states
where alert_id = :alert_id;
