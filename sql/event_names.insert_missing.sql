-- The name of an event exists from then on.
insert into event_names (event_name)
values (:event_name)
on conflict (event_name) do nothing;
