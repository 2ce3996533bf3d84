"""The floor: what waitress and Bottle answer when nothing is checked and nothing stored."""

import os

import bottle
import waitress

app = bottle.Bottle()


@app.post("/events/ingestion/v1")
def constant():
    bottle.request.body.read()
    bottle.response.status = 201
    return {"status": "created"}


waitress.serve(app, host="127.0.0.1", port=int(os.environ["PORT"]))
