// The route of both Fastify peers: `store(event)` answers the id when the event is committed.
const text = { type: 'string', minLength: 1, maxLength: 200 }
const body = {
  type: 'object',
  required: ['event_name', 'location_id', 'distinct_id'],
  properties: {
    event_name: text,
    location_id: text,
    distinct_id: text,
    contact_id: { ...text, nullable: true },
    timestamp: { type: 'integer', minimum: 0 },
    properties: { type: 'object', additionalProperties: { type: ['string', 'number'] } }
  }
}

exports.serve = (store) => {
  const app = require('fastify')()
  app.post('/events/ingestion/v1', { schema: { body } }, async (request, reply) => {
    if (request.headers['x-api-key'] !== process.env.API_KEY) return reply.code(401).send({ error: 'no valid key' })
    const now = Date.now()
    const { event_name, location_id, distinct_id, contact_id = null, timestamp = now, properties = {} } = request.body
    const event_id = await store({ event_name, location_id, distinct_id, contact_id, timestamp,
      properties: JSON.stringify(properties), received_at: now })
    return reply.code(201).send({ status: 'stored', event_id })
  })
  app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
}
