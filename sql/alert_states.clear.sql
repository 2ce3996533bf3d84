-- All states of an alert that watches something else from now on.
delete from alert_states
where alert_id = :alert_id;
