// Fastify and PostgreSQL: a pool of connections, a prepared statement, a commit a request.
const { Pool } = require('pg')
const { serve } = require('./fastify')

const pool = new Pool({ connectionString: process.env.DATABASE, max: 20 })
const schema = `
  create table if not exists events (
    event_id    bigint generated always as identity primary key,
    location_id text   not null,
    distinct_id text   not null,
    event_name  text   not null,
    contact_id  text,
    timestamp   bigint not null,
    properties  jsonb  not null default '{}',
    received_at bigint not null,
    unique (location_id, distinct_id)
  );
  create index if not exists events_by_name on events (location_id, event_name, timestamp)`
const upsert = {
  name: 'upsert',
  text: `
    insert into events (location_id, distinct_id, event_name, contact_id, timestamp, properties, received_at)
    values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (location_id, distinct_id) do update set
      event_name = excluded.event_name,
      contact_id = coalesce(excluded.contact_id, events.contact_id),
      properties = excluded.properties
    returning event_id`
}

pool.query(schema).then(() => serve(async (event) => {
  const stored = await pool.query({ ...upsert, values: [event.location_id, event.distinct_id, event.event_name,
    event.contact_id, event.timestamp, event.properties, event.received_at] })
  return stored.rows[0].event_id
}))
