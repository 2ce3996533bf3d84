-- Removes those from before a time.
delete from rejections
where received_at < :before;
