-- The rejections of an older file.
insert into rejections select * from old.rejections;
