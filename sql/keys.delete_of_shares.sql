-- Shares that have gone take their keys along.
delete from keys
where key_id in (select value from json_each(:key_ids))
  and scope = 'share';
