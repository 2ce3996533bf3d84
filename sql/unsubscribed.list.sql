-- Who wants no more of a report.
select address, at
from unsubscribed
where report_id = :report_id
order by address;
