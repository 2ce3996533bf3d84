-- Somebody wants a report now.
update reports
set asked = :asked
where report_id = :report_id;
