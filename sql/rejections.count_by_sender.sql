-- How many rejections there are of each key and location, and how many bytes; in the order of the keys.
select key_id, location_id, count(*) as number, sum(size) as size
from rejections indexed by rejections_by_sender
group by key_id, location_id
order by key_id, location_id;
