"""Flask on gunicorn with SQLAlchemy, a commit a request."""

import os

from event import Event
from flask import Flask, jsonify, request
from pydantic import ValidationError
from sqlalchemy import Index, UniqueConstraint, create_engine, event, func
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

app = Flask(__name__)
engine = create_engine(f"sqlite:///{os.environ['DATABASE']}", connect_args={"timeout": 30})


class Base(DeclarativeBase):
    pass


class StoredEvent(Base):
    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("location_id", "distinct_id"),
        Index("events_by_name", "location_id", "event_name", "timestamp"),
    )

    event_id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[str]
    distinct_id: Mapped[str]
    event_name: Mapped[str]
    contact_id: Mapped[str | None]
    timestamp: Mapped[int]
    properties: Mapped[str]
    received_at: Mapped[int]


@event.listens_for(engine, "connect")
def set_pragmas(connection, record):
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")


def upsert(row: dict):
    statement = insert(StoredEvent).values(row)
    return statement.on_conflict_do_update(
        index_elements=["location_id", "distinct_id"],
        set_={
            "event_name": statement.excluded.event_name,
            "contact_id": func.coalesce(statement.excluded.contact_id, StoredEvent.contact_id),
            "properties": statement.excluded.properties,
        },
    ).returning(StoredEvent.event_id)


@app.post("/events/ingestion/v1")
def ingest():
    if request.headers.get("X-API-Key") != os.environ["API_KEY"]:
        return jsonify(error="no valid key"), 401
    try:
        body = Event.model_validate_json(request.get_data())
    except ValidationError as error:
        return app.response_class(error.json(include_url=False), 422, mimetype="application/json")
    with Session(engine) as session, session.begin():
        event_id = session.scalar(upsert(body.row()))
    return jsonify(status="stored", event_id=event_id), 201


Base.metadata.create_all(engine)  # gunicorn's --preload imports this once
engine.dispose()  # no connection may cross the fork
