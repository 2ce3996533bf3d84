-- Removes a saved metric; its events stay.
delete from metrics
where metric_id = :metric_id;
