-- An alert; a trigger deletes its states.
delete from alerts
where alert_id = :alert_id;
