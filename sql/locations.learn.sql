-- What a body says of its location, unless a person has set it; writes nothing that is known already.
insert into locations ( location_id,  name,  timezone, first_seen_at)
values                (:location_id, :name, :timezone, :now)
on conflict (location_id) do update
set name     = case when name_edited     then name     else coalesce(excluded.name,     name)     end,
    timezone = case when timezone_edited then timezone else coalesce(excluded.timezone, timezone) end
where (not name_edited     and excluded.name     <> coalesce(name,     ''))
   or (not timezone_edited and excluded.timezone <> coalesce(timezone, ''));
