-- A new dashboard, at the end of the list.
insert into dashboards (name, cards, position, updated_at)
values (:name, :cards, 1 + coalesce((select max(position) from dashboards), 0), :now)
returning dashboard_id;
