"""Power cuts: what was acknowledged is there after one, and every request whole or not at all.

The real server works on a disk that remembers (vfs.py); from that the disk is made as a cut at any point could have left it, and
opened again. The same seed makes the same cuts:

    python tests/test_power_cuts.py [SEED] [CUTS AT EACH POINT]
"""

import itertools
import json
import logging
import multiprocessing
import os
import random
import sys
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest
from conftest import NOW, Clock, event, request_bytes, sample
from vfs import Answer, Disk, Step, Stepped, remembering
from waitress.channel import HTTPChannel

import streamlined_lite as lite

SEED, TURNS, CUTS = 20260101, 40, 5  # the cuts at each point
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a cut needs no real disk
UPGRADE = "alter table events add column loud text; update events set loud = upper(distinct_id); create index by_loud on events (loud);"

State = dict[str, list[tuple]]


def state_of(connection: apsw.Connection) -> State:
    """Every row of every table."""
    tables = [
        name
        for (name,) in connection.execute(
            "select name from sqlite_schema where type = 'table' order by name"
        )
    ]
    return {name: connection.execute(f"select * from {name}").fetchall() for name in tables}


def upgraded(connection: apsw.Connection) -> State:
    """The state as it will be after the upgrade, which does not ask when it comes; that of a turn that is not yet committed, too."""
    image = bytearray(connection.serialize("main"))
    image[18:20] = b"\1\1"  # in memory there is no WAL
    with closing(apsw.Connection(":memory:")) as copy:
        copy.deserialize("main", bytes(image))
        if "loud" not in str(
            copy.execute("select sql from sqlite_schema where name = 'events'").get
        ):
            copy.execute(UPGRADE)
        return state_of(copy)


########################################################################################################
# A load, and what must be there after it
########################################################################################################


class Load:
    """Requests of every kind that writes, and of each what it leaves, kept here a second time by plainer means."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self.numbers = iter(range(10**6))
        self.events: dict[
            tuple, tuple
        ] = {}  # (location, distinct_id) -> (name, contact, properties, updates)
        self.contacts: dict[tuple, tuple] = {}  # (location, contact) -> (name, tags)
        self.locations: set[str] = set()
        self.rejected: list[str] = []
        self.kinds = (
            [self.new_event] * 5
            + [self.update] * 3
            + [self.contact, self.batch] * 2
            + [
                self.replace,
                self.workflow,
                self.refused,
                self.delete_contact,
                self.delete_events,
                self.delete_location,
            ]
        )

    def request(self) -> tuple[bytes, Callable[[Answer], None]]:
        """A request, and what its answer does to what must be there."""
        return self.rng.choice(self.kinds)()

    def known(self) -> tuple[str, str] | None:
        return self.rng.choice(sorted(self.events)) if self.events else None

    def place(self) -> tuple[str, str]:
        return f"loc-{self.rng.randint(1, 3)}", f"c-{self.rng.randint(1, 12)}"

    def properties(self) -> dict:
        return {
            "value": self.rng.randint(1, 99),
            "text": "x" * self.rng.choice((0, 10, 300, 3_000)),
        }

    def post(
        self,
        location: str,
        distinct_id: str,
        name: str,
        contact: str | None,
        properties: dict,
        tags: list | None = None,
    ):
        """An event's request: as such, or with tags as a workflow's body."""
        body = self.body(location, distinct_id, name, contact, properties)
        if tags is not None:
            around = sample("workflow-webhook-minimal") | {
                "contact_id": contact,
                "full_name": name,
                "tags": ",".join(tags),
            }
            body = around | {"customData": body, "location": around["location"] | {"id": location}}

        def then(answer: Answer) -> None:
            assert answer.status == (200 if (location, distinct_id) in self.events else 201), answer
            self.store(location, distinct_id, name, contact, properties)
            if tags is not None:
                self.contacts[location, contact] = (name, sorted(tags))

        return request_bytes(body), then

    def body(
        self, location: str, distinct_id: str, name: str, contact: str | None, properties: dict
    ) -> dict:
        fields = {
            "event_name": name,
            "location_id": location,
            "distinct_id": distinct_id,
            "properties": properties,
        }
        return fields | ({"contact_id": contact} if contact else {})

    def store(
        self, location: str, distinct_id: str, name: str, contact: str | None, properties: dict
    ) -> None:
        old = self.events.get((location, distinct_id), (name, None, properties, 0))
        stored = (name, contact or old[1], properties)
        if old[:2] != stored[:2] and (old[0] != name or old[1]):
            self.rejected.append("event_replaced")
        self.events[location, distinct_id] = (
            *stored,
            old[3] + ((location, distinct_id) in self.events and old[:3] != stored),
        )
        self.locations.add(location)
        if stored[1]:
            self.contacts.setdefault((location, stored[1]), (None, []))

    def new(self) -> tuple:
        location, contact = self.place()
        return (
            location,
            f"d-{next(self.numbers)}",
            "Sold",
            self.rng.choice((contact, None)),
            self.properties(),
        )

    def new_event(self):
        return self.post(*self.new())

    def update(self):
        key = self.known()
        return (
            self.post(*key, self.events[key][0], self.events[key][1], self.properties())
            if key
            else self.new_event()
        )

    def replace(self):
        key = self.known()
        return (
            self.post(*key, f"Other {next(self.numbers)}", self.place()[1], self.properties())
            if key
            else self.new_event()
        )

    def batch(self):
        events, broken, atomic = (
            [self.new() for _ in range(self.rng.randint(1, 4))],
            self.rng.random() < 0.5,
            self.rng.random() < 0.5,
        )

        def then(answer: Answer) -> None:
            assert answer.status == (200 if not broken else 422 if atomic else 207), answer
            for each in events if not (broken and atomic) else ():
                self.store(*each)
            self.rejected += ["invalid"] * broken

        bodies = [self.body(*each) for each in events] + [event(timestamp="soon")] * broken
        return request_bytes(
            bodies, path=f"/events/ingestion/v1/batch?atomic={str(atomic).lower()}"
        ), then

    def workflow(self):
        location, contact = self.place()
        tags = self.rng.sample(["vip", "new", "old", "x" * 500], self.rng.randint(1, 3))
        return self.post(
            location, f"w-{next(self.numbers)}", "Example Person", contact, self.properties(), tags
        )

    def contact(self):
        (location, contact), name, tags = (
            self.place(),
            f"Name {next(self.numbers)}",
            self.rng.sample(["vip", "new", "old"], 2),
        )

        def then(answer: Answer) -> None:
            assert answer.status in (200, 201), answer
            self.contacts[location, contact] = (name, sorted(tags))
            self.locations.add(location)

        return request_bytes(
            {"name": name, "tags": tags}, path=f"/contacts/v1/{location}/{contact}", method="PUT"
        ), then

    def refused(self):
        return request_bytes(
            event(timestamp="soon", text="x" * self.rng.choice((10, 5_000)))
        ), self.kept

    def kept(self, answer: Answer) -> None:
        assert answer.status == 422 and json.loads(answer.body)["rejection_id"], answer
        self.rejected.append("invalid")

    def forget(
        self,
        answer: Answer,
        expected: bool,
        events: Callable[[tuple, tuple], bool],
        contacts: Callable[[tuple], bool],
    ) -> None:
        assert answer.status == (200 if expected else 404), answer
        self.events = {key: each for key, each in self.events.items() if not events(key, each)}
        self.contacts = {key: each for key, each in self.contacts.items() if not contacts(key)}

    def delete_contact(self):
        location, contact = self.place()
        return request_bytes(
            b"", path=f"/contacts/v1/{location}/{contact}", method="DELETE"
        ), lambda answer: self.forget(
            answer,
            (location, contact) in self.contacts,
            lambda key, each: (key[0], each[1]) == (location, contact),
            lambda key: key == (location, contact),
        )

    def delete_events(self):
        location, contact = self.place()
        return request_bytes(
            b"", path=f"/events/v1?location_id={location}&contact_id={contact}", method="DELETE"
        ), lambda answer: self.forget(
            answer,
            True,
            lambda key, each: (key[0], each[1]) == (location, contact),
            lambda key: False,
        )

    def delete_location(self):
        def then(answer: Answer) -> None:
            self.forget(
                answer,
                "loc-3" in self.locations,
                lambda key, _: key[0] == "loc-3",
                lambda key: key[0] == "loc-3",
            )
            self.locations.discard("loc-3")

        return request_bytes(b"", path="/locations/v1/loc-3", method="DELETE"), then

    def check(self, connection: apsw.Connection) -> None:
        """That what the answers said is what is stored, and nothing else."""
        found = connection.execute(
            "select location_id, distinct_id, event_name, contact_id, properties, update_count from events"
        )
        assert {
            each[:2]: (*each[2:4], json.loads(each[4]), each[5]) for each in found
        } == self.events
        found = connection.execute(
            "select location_id, contact_id, name, (select json_group_array(tag order by tag) from contact_tags "
            "where (location_id, contact_id) = (c.location_id, c.contact_id)) from contacts c"
        )
        assert {each[:2]: (each[2], json.loads(each[3])) for each in found} == self.contacts
        assert {
            each for (each,) in connection.execute("select location_id from locations")
        } == self.locations
        assert [
            code
            for (code,) in connection.execute("select code from rejections order by rejection_id")
        ] == self.rejected


########################################################################################################
# A run, its cuts, and what each leaves
########################################################################################################


class Run(NamedTuple):
    """What reached the disk, with notes among it; each state that a commit was to make, upgraded; the upgraded schema; the refusals."""

    steps: list[Step]
    states: list[State]
    migrations: list[str]
    refused: int


class Recorder:
    """A server on a disk that remembers, from the creation of its file to its end, with an upgrade between. One sync may fail."""

    def __init__(
        self, path: Path, rng: random.Random, monkeypatch, sabotage: Callable, failing: int
    ):
        self.path, self.rng, self.patch, self.sabotage, self.failing = (
            path,
            rng,
            monkeypatch,
            sabotage,
            failing,
        )
        self.clock, self.load, self.states, self.migrations = (
            Clock(),
            Load(rng),
            [],
            lite.migrations(),
        )
        self.served: Stepped | None = None
        self.answering = self.syncs = self.refused = 0
        monkeypatch.setattr(lite, "TURN_SECONDS", 30)  # so that a slow machine makes the same turns
        send = lite.Channel.send

        def note_and_send(channel, data, *rest, **named):
            if not bytes(data[:12]).endswith(b" 429"):
                self.vfs.note("answered", self.answering)
            return send(channel, data, *rest, **named)

        monkeypatch.setattr(lite.Channel, "send", note_and_send)

    def run(self, turns: int) -> Run:
        with remembering(self.meet) as self.vfs:
            self.serve(turns // 4)
            self.migrations = [*self.migrations, UPGRADE]
            self.serve(turns - turns // 4)
        return Run(self.vfs.steps, self.states, self.migrations, self.refused)

    def serve(self, turns: int) -> None:
        self.patch.setattr(lite, "migrations", lambda: self.migrations)
        self.served = served = Stepped(self.path, self.clock)
        self.sabotage(served.database, self.patch)
        self.commit(served.database, lambda: None)
        commit = served.database.commit
        served.database.commit = lambda: self.commit(served.database, commit)
        for _ in range(turns):
            self.turn(served)
        self.served = None
        served.close()

    def commit(self, database: lite.Database, commit: Callable) -> None:
        self.vfs.note("committing", len(self.states))
        self.states.append(upgraded(database.writer))
        commit()

    def turn(self, served: Stepped) -> None:
        self.clock.advance(
            self.rng.choice((1_000, 1_000, 1_000, 70_000))
        )  # now and then maintenance is due
        asked = [self.load.request() for _ in range(self.rng.choice((1, 2, 3, 6)))]
        asked.sort(
            key=lambda each: each[0].startswith(b"DELETE")
        )  # as the turn serves them: what may take long comes last
        self.answering = len(self.states)
        for number, answer in served.together(*[request for request, _ in asked]):
            if answer.status == 429 and self.failing:
                self.refused += 1
            else:
                asked[number][1](answer)
        self.load.check(served.database.writer)
        served.database.idle()
        if self.rng.random() < 0.4:
            served.checkpoint(self.rng.choice((1, lite.RESTART_PAGES)))

    def meet(self, kind: str, name: str) -> Exception | None:
        """While the server works: the sync that fails; and now and then a checkpoint in the middle of a commit."""
        if self.served and kind == "sync":
            self.syncs += 1
            return apsw.IOError("disk I/O error") if self.syncs == self.failing else None
        if (
            self.served
            and kind == "write"
            and name.endswith("-wal")
            and self.rng.random() < 0.03
            and threading.get_ident() == self.served.database.turn_thread
        ):
            self.served.checkpoint()


def record(
    monkeypatch, seed: int, turns: int, sabotage: Callable = lambda *_: None, failing: int = 0
) -> Run:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, monkeypatch.context() as patch:
        return Recorder(
            Path(folder) / "events.db", random.Random(seed), patch, sabotage, failing
        ).run(turns)


class Cut(NamedTuple):
    """The disk after it, and which states of the database may be there."""

    name: str
    files: dict[str, bytes]
    states: range

    def mark(self) -> tuple:
        """What two cuts that are the same have in common."""
        return self.states[0], *(
            (name, zlib.crc32(data)) for name, data in sorted(self.files.items())
        )


def cuts(run: Run, seed: int, at_each_point: int) -> Iterator[Iterator[Cut]]:
    """At each point of the run."""
    disk, least, most = Disk(), 0, 0
    for number, step in enumerate(run.steps):
        if step.kind == "answered":
            least = step.at
        elif step.kind == "committing":
            most = step.at
        else:
            disk.take(step, random.Random(seed))
            yield (
                Cut(name, disk.cut(random.Random(name)), range(least, most + 1))
                for name in (
                    f"seed {seed}, step {number}, variant {variant}"
                    for variant in range(at_each_point)
                )
            )


def look(folder: Path, cut: Cut, states: list[State]) -> str:
    """What is wrong after the cut; empty: nothing."""
    for name, data in cut.files.items():
        (folder / name).write_bytes(data)
    try:
        database = lite.Database(lite.Config(database=str(folder / "events.db")), lambda: NOW)
    except lite.ConfigError as error:
        return str(error)
    try:
        if (found := database.writer.pragma("integrity_check")) != "ok":
            return found
        state = state_of(database.writer)
    except apsw.Error as error:
        return str(error)
    finally:
        database.close()
    if state in states[cut.states.start : cut.states.stop]:
        return ""
    return f"acknowledged was what turn {cut.states[0]} had stored, and there is what {[n for n, s in enumerate(states) if s == state]} had"


def examine(
    run: Run, seed: int, at_each_point: int, share: int = 0, shares: int = 1
) -> Iterator[tuple[tuple, str]]:
    """A share of the cuts, each once: what tells it from the others, and what is wrong after it."""
    done = set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lite, "migrations", lambda: run.migrations)
        for cut in itertools.chain.from_iterable(
            itertools.islice(cuts(run, seed, at_each_point), share, None, shares)
        ):
            if cut.mark() not in done:
                done.add(cut.mark())
                with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
                    wrong = look(Path(folder), cut, run.states)
                yield cut.mark(), wrong and f"{cut.name}: {wrong}"


def examine_share(*args) -> dict[tuple, str]:
    logging.getLogger("streamlined_lite").setLevel(
        logging.ERROR
    )  # each file upgraded would have its line
    return dict(examine(*args))


def examine_on_all_cores(run: Run, seed: int, at_each_point: int) -> tuple[int, list[str]]:
    """How many different cuts there were, and what was wrong after them."""
    shares, found = len(os.sched_getaffinity(0)), {}
    with ProcessPoolExecutor(shares, multiprocessing.get_context("spawn")) as pool:
        for each in [
            pool.submit(examine_share, run, seed, at_each_point, share, shares)
            for share in range(shares)
        ]:
            found |= each.result()
    return len(found), [wrong for wrong in found.values() if wrong]


def test_after_any_power_cut_all_that_was_acknowledged_is_there_and_every_request_is_whole(
    monkeypatch,
):
    number, wrong = examine_on_all_cores(record(monkeypatch, SEED, TURNS), SEED, CUTS)
    assert wrong == [] and number >= 5_000


def not_synced(mode: str) -> Callable:
    return lambda database, _: database.writer.pragma("synchronous", mode)


def answered_before_commit(database: lite.Database, patch) -> None:
    patch.setattr(lite.Channel, "write_soon", HTTPChannel.write_soon)


def checkpoints_not_synced(database: lite.Database, patch) -> None:
    checkpoint = lite.Checkpointer.checkpoint

    def without_sync(checkpointer, connection):
        connection.pragma("synchronous", "off")
        checkpoint(checkpointer, connection)

    patch.setattr(lite.Checkpointer, "checkpoint", without_sync)


@pytest.mark.parametrize(
    "sabotage",
    [not_synced("off"), not_synced("normal"), answered_before_commit, checkpoints_not_synced],
    ids=[
        "synchronous is off",
        "synchronous is normal",
        "answered before commit",
        "checkpoints not synced",
    ],
)
def test_these_cuts_find_what_is_not_durable(monkeypatch, sabotage):
    assert any(wrong for _, wrong in examine(record(monkeypatch, SEED, 12, sabotage), SEED, 1))


def test_a_failed_sync_is_not_reported_stored_and_nothing_acknowledged_is_lost(monkeypatch):
    """Each sync in turn. What the system could not write it may forget, so that no later sync brings it to the disk."""
    refused, examined, failing = 0, 0, 0
    while True:
        run = record(monkeypatch, SEED, 6, failing=(failing := failing + 1))
        if not any(step.kind == "failed sync" for step in run.steps):
            break
        found = dict(examine(run, SEED, 1, failing % 4, 4))
        assert set(found.values()) == {""}
        refused, examined = refused + bool(run.refused), examined + len(found)
    assert refused >= 5 and examined >= 300


def main(seed: int = SEED, at_each_point: int = CUTS) -> int:
    with pytest.MonkeyPatch.context() as patch:
        run = record(patch, seed, TURNS)
    number, wrong = examine_on_all_cores(run, seed, at_each_point)
    print(
        "\n".join(
            [*wrong, f"seed {seed}: {number:,} different cuts, {len(wrong)} of them with losses"]
        )
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
