-- What tells this database from all others.
select database_id
from identity
where identity_key = 1;
