-- A new dashboard, at the end of the list.
insert into dashboards (name, cards, position, created_at, updated_at)
values (:name, :cards, 1 + coalesce((select max(position) from dashboards), 0), :now, :now)
returning dashboard_id;
