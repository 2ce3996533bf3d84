-- The message of a purpose.
select *
from messages
where purpose = :purpose;
