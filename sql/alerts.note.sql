-- What an evaluation found out about an alert itself.
update alerts
set told         = :told,
    problem      = :problem,
    problem_at   = :problem_at,
    problem_told = :problem_told
where alert_id = :alert_id;
