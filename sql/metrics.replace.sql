-- A metric's definition, by its id.
update metrics
set name       = :name,
    definition = :definition,
    updated_at = :now
where metric_id = :metric_id;
