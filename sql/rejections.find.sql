-- One rejection, to be replayed or dismissed.
select *
from rejections
where rejection_id = :rejection_id;
