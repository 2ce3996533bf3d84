"""An event as the Python peers read it, and their SQLite file."""

import json
import os
import sqlite3
import threading
import time
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, Field

UPSERT = Path(__file__).with_name("upsert.sql").read_text()
local, writing = threading.local(), threading.Lock()


class Event(BaseModel):
    event_name: str = Field(min_length=1, max_length=200)
    location_id: str = Field(min_length=1, max_length=200)
    distinct_id: str = Field(min_length=1, max_length=200)
    contact_id: str | None = None
    timestamp: datetime | None = None
    properties: dict[str, str | float] = {}

    def row(self) -> dict:
        now = int(time.time() * 1000)
        return self.model_dump(exclude={"timestamp", "properties"}) | {
            "timestamp": int(self.timestamp.timestamp() * 1000) if self.timestamp else now,
            "properties": json.dumps(self.properties),
            "received_at": now,
        }


def connect() -> sqlite3.Connection:
    connection = sqlite3.connect(os.environ["DATABASE"], isolation_level=None, timeout=30)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    return connection


def create_schema() -> None:
    connect().executescript(Path(__file__).with_name("schema.sql").read_text())


def store(event: Event) -> int:
    """Committed when it returns.

    The lock is fairer than SQLite's own, for which waiting threads sleep.
    """
    if not hasattr(local, "connection"):
        local.connection = connect()
    with writing:
        return local.connection.execute(UPSERT, event.row()).fetchall()[0][0]
