// PocketBase: a collection, its unique index, and who may create (the rule compares the key that a sender gives).
migrate((app) => {
  app.save(new Collection({
    type: 'base',
    name: 'events',
    createRule: `@request.headers.x_api_key = "${$os.getenv('API_KEY')}"`,
    fields: [
      { name: 'location_id', type: 'text', required: true },
      { name: 'distinct_id', type: 'text', required: true },
      { name: 'event_name', type: 'text', required: true },
      { name: 'contact_id', type: 'text' },
      { name: 'timestamp', type: 'number', required: true },
      { name: 'properties', type: 'json' },
      { name: 'received_at', type: 'autodate', onCreate: true }
    ],
    indexes: [
      'create unique index events_unique on events (location_id, distinct_id)',
      'create index events_by_name on events (location_id, event_name, timestamp)'
    ]
  }))
})
