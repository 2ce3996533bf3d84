-- Keeps the newest ones of a key and location, as many and as large together as are wanted.
delete from rejections
where rejection_id in (select rejection_id
                       from (select rejection_id, row_number() over newest as number, sum(size) over newest as size
                             from rejections indexed by rejections_by_sender
                             where key_id is :key_id
                               and location_id is :location_id
                             window newest as (order by rejection_id desc))
                       where number > :number
                          or size > :size);
