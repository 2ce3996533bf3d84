-- The report of a name.
select report_id
from reports
where name = :name;
