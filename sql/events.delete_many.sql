-- Events by their ids, a JSON array.
delete from events
where event_id in (select value from json_each(:event_ids));
