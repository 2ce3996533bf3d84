"""Statements that fill our file directly, as posts would; the texts of a row must be there."""

INSERT_LOCATION = """
    insert into locations (location_id, first_seen_at)
    values (?1, 0)
    on conflict do nothing"""
INSERT_NAME = """
    insert into event_names (event_name)
    values (?1)
    on conflict do nothing"""
# Of whom only the id is known; ?3: when the first of the events came that name it.
INSERT_BARE_CONTACT = """
    insert into contacts (location_key, contact_id, created_at, updated_at)
    select location_key, ?2, ?3, ?3
    from locations
    where location_id = ?1
    on conflict do nothing"""
INSERT_CONTACT = """
    insert into contacts (location_key, contact_id, name, source, date_created, created_at,
                          updated_at)
    select location_key, ?2, ?3, ?4, ?5, 0, 0
    from locations
    where location_id = ?1"""
INSERT_TAG = """
    insert into contact_tags (contact_key, tag, location_key)
    select contact_key, ?3, location_key
    from locations join contacts using (location_key)
    where location_id = ?1
      and contact_id = ?2"""
INSERT_EVENT = """
    insert into events (location_key, name_key, contact_key, distinct_id, timestamp, properties,
                        received_at, updated_at)
    select l.location_key, n.name_key, c.contact_key, ?2, ?5, ?6, ?7, ?8
    from locations as l
    cross join event_names as n
    left join  contacts    as c on c.location_key = l.location_key and c.contact_id = ?4
    where l.location_id = ?1
      and n.event_name = ?3"""
