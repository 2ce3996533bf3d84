-- What shared dashboards look like.
select title, accent, frame_hosts, logo, logo_type, updated_at
from branding
where branding_key = 1;
