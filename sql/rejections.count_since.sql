-- How many rejections came within some time, up to a number.
select count(*)
from (
  select 1
  from rejections
  where received_at > :after
    and received_at <= :until
  limit :most);
