-- Another definition for a report.
update reports
set name       = :name,
    definition = :definition,
    next_at    = :next_at,
    problem    = null,
    updated_at = :now
where report_id = :report_id;
