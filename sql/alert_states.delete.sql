-- States of an alert whose subjects are no longer watched.
delete from alert_states
where alert_id = :alert_id
  and subject in (select value from json_each(:subjects));
