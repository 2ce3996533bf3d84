-- When a report is due, by a clock that was set back.
update reports
set next_at = :next_at
where report_id = :report_id;
