-- What an older file holds, in figures that totals.new finds in the new one, too.
-- The remainders keep the sums of times within 64 bits.
select 'locations' as noun, json_array(count(*), sum(length(location_id)), sum(first_seen_at % 4294967296)) as totals
from old.locations
union all
select 'contacts', json_array(count(*), sum(length(contact_id)), sum(length(fields)), sum(updated_at % 4294967296))
from old.contacts
union all
select 'contact_tags', json_array(count(*), sum(length(contact_id)), sum(length(tag)))
from old.contact_tags
union all
select 'keys', json_array(count(*), sum(key_id))
from old.keys
union all
select 'rejections', json_array(count(*), sum(rejection_id), sum(length(body)))
from old.rejections
union all
select 'metrics', json_array(count(*), sum(metric_id), sum(length(definition)))
from old.metrics
union all
select 'events', json_array(count(*), sum(event_id), count(contact_id), sum(length(distinct_id)), sum(length(properties)), count(warnings),
                            sum(timestamp % 4294967296), sum(received_at % 4294967296), sum(updated_at % 4294967296), sum(update_count))
from old.events;
