-- A report; a trigger deletes who has unsubscribed from it.
delete from reports
where report_id = :report_id;
