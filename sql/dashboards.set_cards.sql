-- A dashboard gets other cards.
update dashboards
set cards      = :cards,
    updated_at = :now
where dashboard_id = :dashboard_id;
