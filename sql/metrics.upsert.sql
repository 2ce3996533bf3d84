-- A metric's definition, by its name; a new one goes to the end of the list.
insert into metrics (name, definition, position, created_at, updated_at)
values (:name, :definition, 1 + coalesce((select max(position) from metrics), 0), :now, :now)
on conflict (name) do update
set definition = excluded.definition,
    updated_at = excluded.updated_at;
