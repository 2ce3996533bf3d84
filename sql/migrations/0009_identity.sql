-- What tells this database from all others, whatever its file is called: `backup --keep` deletes no backup of another one.
-- A copy has the same identity, for a restored backup is the same database.

create table identity (
  identity_key integer primary key check (identity_key = 1),
  database_id  text    not null check (length(database_id) = 32)
) strict;

insert into identity (identity_key, database_id)
values (1, lower(hex(randomblob(16))));
