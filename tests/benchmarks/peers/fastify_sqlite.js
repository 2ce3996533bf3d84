// Fastify and better-sqlite3: synchronous, so each request is a commit of its own.
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const Database = require('better-sqlite3')
const { serve } = require('./fastify')

const read = (name) => readFileSync(join(__dirname, name), 'utf8')
const database = new Database(process.env.DATABASE)
database.pragma('journal_mode = WAL')
database.pragma('synchronous = FULL')
database.exec(read('schema.sql'))
const upsert = database.prepare(read('upsert.sql'))

serve((event) => upsert.get(event).event_id)
