-- Somebody wants no more of a report.
insert into unsubscribed (report_id, address, at)
values (:report_id, :address, :now)
on conflict do nothing;
