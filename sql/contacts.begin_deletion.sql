-- Nothing but the key of a contact is left, and its events. No id that is sent ends with a character that cannot be seen.
update contacts
set contact_id = contact_id || ' (being deleted, ' || contact_key || ')' || char(8203),
    name = null, email = null, phone = null, source = null, type = null, date_created = null,
    fields = '{}', field_times = '{}', as_of = null
where contact_key = :contact_key;
