-- Large deletions go on in small steps, also after a restart. A location that is being deleted is renamed at once, as is such
-- a contact, so that what arrives meanwhile makes a new one; its old rows are deleted under their keys.

alter table locations add column former_id text;            -- its id before its deletion began
create index locations_being_deleted on locations (former_id) where former_id is not null;

create table deletions (
  contact_key integer primary key                           -- a contact whose events are still being deleted
) strict;
