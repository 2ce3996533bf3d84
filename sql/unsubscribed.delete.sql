-- Somebody wants a report again.
delete from unsubscribed
where report_id = :report_id
  and address = :address;
