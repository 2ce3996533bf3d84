-- The keys of an older file.
insert into keys select * from old.keys;
