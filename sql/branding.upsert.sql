-- What shared dashboards look like, but for the logo.
insert into branding (branding_key,  title,  accent,  frame_hosts,  updated_at)
values               (1,            :title, :accent, :frame_hosts, :now)
on conflict (branding_key) do update
set title       = excluded.title,
    accent      = excluded.accent,
    frame_hosts = excluded.frame_hosts,
    updated_at  = excluded.updated_at;
