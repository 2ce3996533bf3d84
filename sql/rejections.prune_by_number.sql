-- Keeps the newest ones, as many as are wanted.
delete from rejections
where rejection_id <= (select rejection_id
                       from rejections
                       where rejection_id > 0
                       order by rejection_id desc
                       limit 1 offset :keep);
