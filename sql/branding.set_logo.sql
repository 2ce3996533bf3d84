-- Another logo, or none.
insert into branding (branding_key,  logo,  logo_type,  updated_at)
values               (1,            :logo, :logo_type, :now)
on conflict (branding_key) do update
set logo       = excluded.logo,
    logo_type  = excluded.logo_type,
    updated_at = excluded.updated_at;
