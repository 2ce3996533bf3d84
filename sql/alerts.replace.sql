-- Another definition for an alert; what kept the earlier one from being evaluated is forgotten.
update alerts
set name         = :name,
    definition   = :definition,
    problem      = null,
    problem_at   = null,
    problem_told = 0,
    updated_at   = :now
where alert_id = :alert_id;
