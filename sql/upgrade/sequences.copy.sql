-- The last ids that an older file gave. Before its rows, so that none of them is ever given again.
insert into sqlite_sequence (name, seq)
select name, seq
from old.sqlite_sequence
where name in ('events', 'keys', 'rejections', 'metrics');
