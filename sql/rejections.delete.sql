-- A person has dismissed it.
delete from rejections
where rejection_id = :rejection_id;
