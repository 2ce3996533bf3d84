-- Removes a dashboard; its metrics stay.
delete from dashboards
where dashboard_id = :dashboard_id;
