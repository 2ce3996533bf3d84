-- How many metrics are saved.
select count(*)
from metrics;
