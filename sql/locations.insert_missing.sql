-- The location that an event or a contact names exists from then on, bare.
insert into locations (location_id, first_seen_at)
values (:location_id, :now)
on conflict (location_id) do nothing;
