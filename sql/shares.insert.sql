-- What belongs to a new key of scope share.
insert into shares ( key_id,  public_id,  dashboard_id,  may,  frame_hosts,  expires_at)
values             (:key_id, :public_id, :dashboard_id, :may, :frame_hosts, :expires_at);
