-- The saved metrics of an older file.
insert into metrics select * from old.metrics;
