"""FastAPI on uvicorn with the standard library's sqlite3, a commit a request."""

import os
from typing import Annotated

from event import Event, create_schema, store
from fastapi import FastAPI, Header, HTTPException

app = FastAPI()
create_schema()


@app.post("/events/ingestion/v1", status_code=201)
def ingest(event: Event, x_api_key: Annotated[str, Header()] = ""):
    if x_api_key != os.environ["API_KEY"]:
        raise HTTPException(401, "no valid key")
    return {"status": "stored", "event_id": store(event)}
