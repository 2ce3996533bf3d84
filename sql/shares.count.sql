-- How many shares are stored.
select count(*)
from shares;
