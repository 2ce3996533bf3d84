-- What an authenticated sender posted and could not be stored.
insert into rejections ( received_at,  code,  path,  query,  content_type,  body,  truncated,  problem,  key_id,  location_id,  contact_id)
values                 (:received_at, :code, :path, :query, :content_type, :body, :truncated, :problem, :key_id, :location_id, :contact_id)
returning rejection_id;
