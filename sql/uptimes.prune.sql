-- Times so long ago that no silence is counted from them.
delete from uptimes
where uptime_id <= :newest - :most;
