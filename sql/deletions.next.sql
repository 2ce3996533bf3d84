-- A contact whose deletion is to go on.
select contact_key
from deletions
limit 1;
