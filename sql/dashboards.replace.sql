-- A dashboard gets another name and other cards.
update dashboards
set name       = :name,
    cards      = :cards,
    updated_at = :now
where dashboard_id = :dashboard_id;
