-- The reports that are due, and those that somebody wants now.
select report_id
from reports
where next_at <= :now
union all
select report_id
from reports
where asked is not null;
