-- A dashboard. Cards of metrics that were deleted are not shown, but counted.
select dashboard_id, name, position, updated_at,
       (select json_group_array(json(value))
        from json_each(d.cards)
        where exists (select 1 from metrics where metric_id = value ->> 'metric_id')) as cards,
       (select count(*)
        from json_each(d.cards)
        where not exists (select 1 from metrics where metric_id = value ->> 'metric_id')) as removed
from dashboards as d
where dashboard_id = :dashboard_id;
