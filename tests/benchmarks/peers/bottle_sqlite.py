"""Bottle on waitress, a commit a request."""

import os

import bottle
import waitress
from event import Event, create_schema, store
from pydantic import ValidationError

app = bottle.Bottle()


@app.post("/events/ingestion/v1")
def ingest():
    if bottle.request.get_header("X-API-Key") != os.environ["API_KEY"]:
        raise bottle.HTTPResponse({"error": "no valid key"}, 401)
    try:
        event = Event.model_validate_json(bottle.request.body.read())
    except ValidationError as error:
        raise bottle.HTTPResponse(
            error.json(include_url=False), 422, {"Content-Type": "application/json"}
        ) from None
    bottle.response.status = 201
    return {"status": "stored", "event_id": store(event)}


create_schema()
waitress.serve(app, host="127.0.0.1", port=int(os.environ["PORT"]))
