"""Power cuts: what was acknowledged is there after one, and every request whole or not at all.

The real server works on a disk that remembers (vfs.py); from that the disk is made as a cut at any
point could have left it, and opened again. The same seed makes the same cuts:

    python tests/test_power_cuts.py [SEED] [CUTS]

CUTS is how many are made in all, spread evenly over the points of the run. About a third of them
leave the same disk as another; each disk is opened once.
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
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from unittest.mock import Mock

import apsw
import pytest
from benchmarks.progress import report
from conftest import NOW, Clock, broken_relations, event, request_bytes, sample
from older_files import RELEASES, dump, of_release
from vfs import Answer, Disk, Step, Stepped, remember_names, remembering
from waitress.channel import HTTPChannel

import streamlined_lite as lite

SEED = 20260101
TURNS = 40
CUTS = 7_500
CUTS_AT_ONCE = 1_000  # of one task of a process
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a cut needs no real disk
UPGRADE = """
    alter table events add column loud text;
    update events set loud = upper(distinct_id);
    create index by_loud on events (loud);
"""

State = dict[str, list[tuple]]


def state_of(connection: apsw.Connection) -> State:
    """Every row of every table, but for the identity, which is another one in each new file."""
    tables = [
        name
        for (name,) in connection.execute(
            "select name from sqlite_schema where type = 'table' and name <> 'identity' order by 1"
        )
    ]
    return {name: connection.execute(f"select * from {name}").fetchall() for name in tables}


def upgraded(connection: apsw.Connection) -> State:
    """The state as it will be after the upgrade; also of a turn that is not yet committed."""
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
    """Requests of every kind that writes, and what each leaves, kept here by plainer means."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self.numbers = iter(range(10**6))
        # (location, distinct_id) -> (name, contact, properties, updates)
        self.events: dict[tuple, tuple] = {}
        # (location, contact) -> (name, tags)
        self.contacts: dict[tuple, tuple] = {}
        self.locations: set[str] = set()
        self.rejected: list[tuple] = []  # code, location, contact
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

    def stored_event(self) -> tuple[str, str] | None:
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
            self.rejected.append(("event_replaced", location, old[1]))
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
        key = self.stored_event()
        if key is None:
            return self.new_event()
        name, contact, *_ = self.events[key]
        return self.post(*key, name, contact, self.properties())

    def replace(self):
        key = self.stored_event()
        if key is None:
            return self.new_event()
        _, contact = self.place()
        return self.post(*key, f"Other {next(self.numbers)}", contact, self.properties())

    def batch(self):
        events = [self.new() for _ in range(self.rng.randint(1, 4))]
        broken = self.rng.random() < 0.5
        atomic = self.rng.random() < 0.5
        bodies = [self.body(*fields) for fields in events]
        status = 200
        if broken:
            bodies.append(event(timestamp="soon"))
            status = 422 if atomic else 207

        def then(answer: Answer) -> None:
            assert answer.status == status, answer
            if broken:
                self.rejected.append(("invalid", "loc-1", None))
            if status != 422:
                for fields in events:
                    self.store(*fields)

        path = f"/events/ingestion/v1/batch?atomic={str(atomic).lower()}"
        return request_bytes(bodies, path=path), then

    def workflow(self):
        location, contact = self.place()
        tags = self.rng.sample(["vip", "new", "old", "x" * 500], self.rng.randint(1, 3))
        return self.post(
            location, f"w-{next(self.numbers)}", "Example Person", contact, self.properties(), tags
        )

    def contact(self):
        location, contact = self.place()
        name = f"Name {next(self.numbers)}"
        tags = self.rng.sample(["vip", "new", "old"], 2)

        def then(answer: Answer) -> None:
            assert answer.status in (200, 201), answer
            self.contacts[location, contact] = (name, sorted(tags))
            self.locations.add(location)

        path = f"/contacts/v1/{location}/{contact}"
        return request_bytes({"name": name, "tags": tags}, path=path, method="PUT"), then

    def refused(self):
        body = event(timestamp="soon", text="x" * self.rng.choice((10, 5_000)))
        return request_bytes(body), self.kept

    def kept(self, answer: Answer) -> None:
        assert answer.status == 422 and json.loads(answer.body)["rejection_id"], answer
        self.rejected.append(("invalid", "loc-1", None))

    def delete_contact(self):
        location, contact = self.place()

        def then(answer: Answer) -> None:
            named = [each for each in self.rejected if each[1:] == (location, contact)]
            existed = (location, contact) in self.contacts or named
            assert answer.status == (200 if existed else 404), answer
            self.forget_events(location, contact)
            self.contacts.pop((location, contact), None)
            self.rejected = [each for each in self.rejected if each not in named]

        path = f"/contacts/v1/{location}/{contact}"
        return request_bytes(b"", path=path, method="DELETE"), then

    def delete_events(self):
        location, contact = self.place()

        def then(answer: Answer) -> None:
            assert answer.status == 200, answer
            self.forget_events(location, contact)

        path = f"/events/v1?location_id={location}&contact_id={contact}"
        return request_bytes(b"", path=path, method="DELETE"), then

    def delete_location(self):
        def then(answer: Answer) -> None:
            existed = "loc-3" in self.locations
            assert answer.status == (200 if existed else 404), answer
            self.forget_events("loc-3")
            for key in [key for key in self.contacts if key[0] == "loc-3"]:
                del self.contacts[key]
            self.locations.discard("loc-3")
            self.rejected = [each for each in self.rejected if each[1] != "loc-3"]

        return request_bytes(b"", path="/locations/v1/loc-3", method="DELETE"), then

    def forget_events(self, location: str, contact: str | None = None) -> None:
        """Those of the contact, or all of the location."""
        for key, (_, of_contact, *_) in list(self.events.items()):
            if key[0] == location and contact in (None, of_contact):
                del self.events[key]

    def check(self, connection: apsw.Connection) -> None:
        """That what the answers said is what is stored, and nothing else."""
        events = connection.execute(
            "select location_id, distinct_id, event_name, contact_id, properties, update_count "
            "from events_with_texts"
        )
        assert {
            (location, distinct_id): (name, contact, json.loads(properties), updates)
            for location, distinct_id, name, contact, properties, updates in events
        } == self.events
        contacts = connection.execute(
            "select location_id, contact_id, c.name, (select json_group_array(tag order by tag) "
            "from contact_tags where contact_key = c.contact_key) "
            "from contacts c join locations using (location_key)"
        )
        assert {
            (location, contact): (name, json.loads(tags))
            for location, contact, name, tags in contacts
        } == self.contacts
        locations = connection.execute("select location_id from locations")
        assert {location for (location,) in locations} == self.locations
        rejected = connection.execute(
            "select code, location_id, contact_id from rejections order by rejection_id"
        )
        assert list(rejected) == self.rejected
        assert broken_relations(connection) == []


########################################################################################################
# A run, its cuts, and what each leaves
########################################################################################################


class Run(NamedTuple):
    steps: list[Step]  # what reached the disk, with notes among it
    states: list[State]  # that each commit was to make, upgraded
    migrations: list[str]  # with the upgrade
    refused: int  # requests


class Recorder:
    """A server on a disk that remembers, from the creation of its file to its end.

    It is upgraded in between. One sync may fail: the one of the number `failing`.
    """

    def __init__(
        self, path: Path, rng: random.Random, monkeypatch, sabotage: Callable, failing: int
    ):
        self.path = path
        self.rng = rng
        self.patch = monkeypatch
        self.sabotage = sabotage
        self.failing = failing
        self.clock = Clock()
        self.load = Load(rng)
        self.states: list[State] = []
        self.migrations = lite.migrations()
        self.served: Stepped | None = None
        self.answering = 0  # the state that the answers of the running turn acknowledge
        self.syncs = 0
        self.refused = 0
        # So that a slow machine makes the same turns.
        monkeypatch.setattr(lite, "TURN_SECONDS", 30)
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
        # Now and then maintenance is due.
        self.clock.advance(self.rng.choice((1_000, 1_000, 1_000, 70_000)))
        pairs = [self.load.request() for _ in range(self.rng.choice((1, 2, 3, 6)))]
        # As the turn serves them: what may take long comes last.
        pairs.sort(key=lambda pair: pair[0].startswith(b"DELETE"))
        self.answering = len(self.states)
        for number, answer in served.together(*[request for request, _ in pairs]):
            if answer.status == 429 and self.failing:
                self.refused += 1
            else:
                _, then = pairs[number]
                then(answer)
        self.load.check(served.database.writer)
        served.database.idle()
        if self.rng.random() < 0.4:
            served.checkpoint(self.rng.choice((1, lite.RESTART_PAGES)))

    def meet(self, kind: str, name: str) -> Exception | None:
        """The sync that fails; and now and then a checkpoint in the middle of a commit."""
        if not self.served:
            return None
        if kind == "sync":
            self.syncs += 1
            if self.syncs == self.failing:
                return apsw.IOError("disk I/O error")
        if kind == "write" and name.endswith("-wal") and self.rng.random() < 0.03:
            self.checkpoint_amid_commit()
        return None

    def checkpoint_amid_commit(self) -> None:
        if threading.get_ident() == self.served.database.turn_thread:
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


def cuts(run: Run, seed: int, total: int, share: int, shares: int) -> Iterator[Cut]:
    """A share of so many cuts, which are spread evenly over the points of the run."""
    points = sum(step.file is not None for step in run.steps)
    disk = Disk()
    point = 0
    least = 0
    most = 0
    for number, step in enumerate(run.steps):
        if step.kind == "answered":
            least = step.at
        elif step.kind == "committing":
            most = step.at
        else:
            disk.take(step, random.Random(seed))
            if point % shares == share:
                variants = total * (point + 1) // points - total * point // points
                for variant in range(variants):
                    name = f"seed {seed}, step {number}, variant {variant}"
                    yield Cut(name, disk.cut(random.Random(name)), range(least, most + 1))
            point += 1


def look(folder: Path, cut: Cut, states: list[State]) -> str:
    """What is wrong after the cut; empty: nothing."""
    for name, data in cut.files.items():
        (folder / name).write_bytes(data)
    try:
        database = lite.Database(lite.Config(database=str(folder / "events.db")), lambda: NOW)
    except lite.ConfigError as error:
        return str(error)
    try:
        integrity = database.writer.pragma("integrity_check")
        if integrity != "ok":
            return integrity
        state = state_of(database.writer)
    except apsw.Error as error:
        return str(error)
    finally:
        database.close()
    if state in states[cut.states.start : cut.states.stop]:
        return ""
    turns = [turn for turn, its_state in enumerate(states) if its_state == state]
    return f"turn {cut.states[0]} was acknowledged, and there is the state after {turns}"


def examine(
    run: Run, seed: int, total: int, share: int = 0, shares: int = 1
) -> Iterator[tuple[tuple, str]]:
    """A share of the cuts, each once: what tells it from the others, and what is wrong after it."""
    done = set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lite, "migrations", lambda: run.migrations)
        # Nothing grows here, and the start of a thread would take half of the time.
        patch.setattr(lite, "Checkpointer", Mock())
        for cut in cuts(run, seed, total, share, shares):
            mark = cut.mark()
            if mark in done:
                continue
            done.add(mark)
            with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
                wrong = look(Path(folder), cut, run.states)
            yield mark, f"{cut.name}: {wrong}" if wrong else ""


def examine_share(*arguments) -> dict[tuple, str]:
    # Each file that is upgraded would have its line.
    logging.getLogger("streamlined_lite").setLevel(logging.ERROR)
    return dict(examine(*arguments))


def examine_on_all_cores(run: Run, seed: int, total: int) -> tuple[int, list[str]]:
    """How many different cuts there were, and what was wrong after them."""
    cores = len(os.sched_getaffinity(0))
    shares = max(cores, total // CUTS_AT_ONCE)
    found = {}
    with ProcessPoolExecutor(cores, multiprocessing.get_context("spawn")) as pool:
        tasks = [
            pool.submit(examine_share, run, seed, total, share, shares) for share in range(shares)
        ]
        for done, task in enumerate(as_completed(tasks), 1):
            found |= task.result()
            losses = len(list(filter(None, found.values())))
            report(f"part {done} of {shares}: {len(found):,} different cuts, {losses} with losses")
    return len(found), list(filter(None, found.values()))


@pytest.mark.long
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
    run = record(monkeypatch, SEED, 12, sabotage)
    assert any(wrong for _, wrong in examine(run, SEED, len(run.steps)))


@pytest.mark.long
def test_a_failed_sync_is_not_reported_stored_and_nothing_acknowledged_is_lost(monkeypatch):
    """Each sync in turn. What the system could not write it may forget: no later sync brings it."""
    refused = 0
    examined = 0
    for failing in itertools.count(1):
        run = record(monkeypatch, SEED, 6, failing=failing)
        if not any(step.kind == "failed sync" for step in run.steps):
            break
        found = dict(examine(run, SEED, len(run.steps), failing % 4, 4))
        assert set(found.values()) == {""}
        refused += bool(run.refused)
        examined += len(found)
    assert refused >= 5 and examined >= 300


# An upgrade of an older file, which is rebuilt beside itself


def record_upgrade(folder: Path, monkeypatch, sabotage: Callable) -> tuple[list[Step], int]:
    """What reaches the disk from the creation of the older file on, and where its upgrade begins.

    The newest of its rows are in a WAL, as after a crash.
    """
    path = folder / "events.db"
    with remembering() as vfs, monkeypatch.context() as patch:
        with closing(apsw.Connection(str(path))) as connection:
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.pragma("application_id", lite.APPLICATION_ID)
            connection.pragma("journal_mode", "wal")
            connection.execute(RELEASES["0.2.0"].read_text("utf-8"))
        begin = len(vfs.steps)
        remember_names(vfs, patch)
        sabotage(patch)
        # Which reads the WAL on a connection that apsw cannot close under a VFS of Python.
        patch.setattr(lite, "read_version", lambda _: 2)
        lite.Database(lite.Config(database=str(path))).close()
        return vfs.steps, begin


def after_upgrade_and_cut(folder: Path, cut: dict[str, bytes], before: dict) -> str:
    """What is wrong with the files, and after the next start; empty: nothing."""
    path = folder / "events.db"
    path.write_bytes(cut["events.db"])
    for name, data in cut.items():
        if data == cut["events.db"] and name != "events.db":
            os.link(path, folder / name)
        elif name != "events.db":
            (folder / name).write_bytes(data)
    try:
        found = dump(path)
        if found["rows"] != before["rows"]:
            return f"other rows, of schema {found['version']}"
        lite.Database(lite.Config(database=str(path)), lambda: NOW).close()
        with closing(apsw.Connection(str(path))) as connection:
            integrity = connection.pragma("integrity_check")
            if integrity != "ok":
                return integrity
        if dump(path)["rows"] != before["rows"]:
            return "other rows after the next start"
        kept = [dump(each) for each in folder.glob("events.db.schema-*")]
    except (apsw.Error, lite.ConfigError) as error:
        return str(error)
    # A cut undoes half of a rename here, which no file system does.
    left = [each.name for each in folder.iterdir() if each.suffix != ".partial"]
    return "" if before in kept and len(left) == 2 else f"there are {sorted(left)}"


class Upgrade:
    """An upgrade on a disk that remembers: what a power cut may leave of it, and what is wrong."""

    def __init__(self, monkeypatch, sabotage: Callable = lambda _: None):
        # Each file that is upgraded would have its line.
        monkeypatch.setattr(logging.getLogger("streamlined_lite"), "disabled", True)
        monkeypatch.setattr(lite, "Checkpointer", Mock())
        migrations = lite.migrations()  # read once, and not at each start
        monkeypatch.setattr(lite, "migrations", lambda: migrations)
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            self.before = of_release(Path(folder) / "before.db")
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            self.steps, self.begin = record_upgrade(Path(folder), monkeypatch, sabotage)

    def cuts(self, begin: int, variants: int) -> Iterator[dict[str, bytes]]:
        """The different files that so many cuts at each step leave, from that step on."""
        disk = Disk()
        done = set()
        for number, step in enumerate(self.steps):
            disk.take(step, random.Random(SEED))
            for variant in range(variants if number >= begin else 0):
                cut = disk.cut(random.Random(f"{number} {variant}"))
                mark = tuple(sorted((name, zlib.crc32(data)) for name, data in cut.items()))
                if mark not in done:
                    done.add(mark)
                    yield cut

    def examine(self, begin: int, variants: int) -> Iterator[str]:
        """What is wrong after each of these cuts; empty: nothing."""
        for cut in self.cuts(begin, variants):
            with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
                yield after_upgrade_and_cut(Path(folder), cut, self.before)

    def finds(self) -> bool:
        """Whether a cut at one of the last steps, at which the new file gets its name, finds it."""
        return any(self.examine(len(self.steps) - 20, 5))


@pytest.mark.long
def test_a_power_cut_amid_an_upgrade_leaves_the_old_file_or_the_new_one(monkeypatch):
    upgrade = Upgrade(monkeypatch)
    found = list(upgrade.examine(upgrade.begin, 1))
    assert set(found) == {""} and len(found) >= 900


def test_cuts_amid_an_upgrade_find_a_name_that_comes_before_its_content(monkeypatch):
    def without_sync(patch) -> None:
        patch.setattr(os, "fsync", lambda _: None)

    assert Upgrade(monkeypatch, without_sync).finds()


def test_cuts_amid_an_upgrade_find_a_folder_that_is_not_synced(monkeypatch):
    def without_sync(patch) -> None:
        patch.setattr(lite, "sync_folder", lambda _: None)

    assert Upgrade(monkeypatch, without_sync).finds()


def main(seed: int = SEED, total: int = CUTS) -> int:
    report(f"seed {seed}: recording a run of {TURNS} turns")
    with pytest.MonkeyPatch.context() as patch:
        run = record(patch, seed, TURNS)
    number, wrong = examine_on_all_cores(run, seed, total)
    for line in wrong:
        print(line)
    print(f"seed {seed}: {number:,} different cuts, {len(wrong)} of them with losses")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
