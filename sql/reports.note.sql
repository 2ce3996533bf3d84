-- A report was written: when it is due next, and what kept it from being written.
update reports
set next_at = :next_at,
    asked   = :asked,
    sent_at = :sent_at,
    problem = :problem
where report_id = :report_id;
