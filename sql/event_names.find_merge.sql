-- An alias whose events are still being moved.
select name_key
from event_names
where moving_from is not null
limit 1;
