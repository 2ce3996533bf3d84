-- It has been sent again and was stored.
update rejections
set replayed_at = :replayed_at
where rejection_id = :rejection_id;
