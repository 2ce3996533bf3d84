"""The disk under a server: an SQLite VFS that remembers what reaches the file system and can fail,
what a power cut may leave of that, and the real server driven step by step upon it."""

import itertools
import os
import random
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import apsw
from benchmarks.load import is_whole
from conftest import ADMIN, request_bytes

import streamlined_lite as lite

# The file whose content is names: a `name` step gives one to a file, or takes it away.
DIRECTORY = 0
REMEMBERED = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL


class Step(NamedTuple):
    """A write, truncate, name, sync or failed sync; or a note of the test's own, without a file."""

    kind: str
    file: int | None
    at: int | str = 0
    data: bytes | int | None = b""


class Vfs(apsw.VFS):
    """While registered, the default of every connection.

    Shared memory and locks are those of the system's own VFS. `trouble(kind, name)` is called
    before each step and may return an exception; then the step fails: half of a write, nothing of a
    sync. Syncs cost nothing here, since no power is really cut.
    """

    def __init__(self, trouble: Callable[[str, str], Exception | None] = lambda kind, name: None):
        self.steps: list[Step] = []
        self.files: dict[str, int] = {}
        self.numbers = itertools.count(1)
        self.lock = threading.Lock()  # one step after the other
        self.trouble = trouble
        super().__init__("remembering", base="unix", makedefault=True)

    def note(self, kind: str, at: int) -> None:
        with self.lock:
            self.steps.append(Step(kind, None, at))

    def step(self, *step) -> None:
        self.steps.append(Step(*step))

    def xOpen(self, name, flags):
        return VfsFile(self, name, flags)

    def xDelete(self, path, sync):
        name = Path(path).name
        if error := self.trouble("delete", name):
            raise error
        with self.lock:
            super().xDelete(path, sync)
            if self.files.pop(name, None):
                self.step("name", DIRECTORY, name, None)
            if sync:
                self.step("sync", DIRECTORY)


class VfsFile(apsw.VFSFile):
    def __init__(self, vfs: Vfs, name, flags: list[int]):
        self.vfs = vfs
        self.name = "temporary"
        if name:
            self.name = Path(name if isinstance(name, str) else name.filename()).name
        if error := vfs.trouble("open", self.name):
            raise error
        with vfs.lock:
            super().__init__("unix", name, flags)
            self.number = self.remember() if flags[0] & REMEMBERED else None
        # SQLite syncs the folder of a new journal.
        self.names_too = bool(flags[0] & (REMEMBERED - apsw.SQLITE_OPEN_MAIN_DB))

    def remember(self) -> int:
        if self.name not in self.vfs.files:
            self.vfs.files[self.name] = next(self.vfs.numbers)
            self.vfs.step("name", DIRECTORY, self.name, self.vfs.files[self.name])
        return self.vfs.files[self.name]

    def xRead(self, amount, offset):
        if error := self.vfs.trouble("read", self.name):
            raise error
        return super().xRead(amount, offset)

    def xWrite(self, data, offset):
        error = self.vfs.trouble("write", self.name)
        data = bytes(data)[: len(data) // 2 if error else None]
        with self.vfs.lock:
            super().xWrite(data, offset)
            if self.number:
                self.vfs.step("write", self.number, offset, data)
            if error:
                raise error

    def xTruncate(self, size):
        if error := self.vfs.trouble("truncate", self.name):
            raise error
        with self.vfs.lock:
            super().xTruncate(size)
            if self.number:
                self.vfs.step("truncate", self.number, size)

    def xSync(self, flags):
        error = self.vfs.trouble("sync", self.name)
        with self.vfs.lock:
            if self.number:
                self.vfs.step("failed sync" if error else "sync", self.number)
            if error:
                raise error
            if self.names_too:
                self.names_too = False
                self.vfs.step("sync", DIRECTORY)


@contextmanager
def remembering(*args):
    vfs = Vfs(*args)
    try:
        yield vfs
    finally:
        vfs.unregister()


def remember_names(vfs: Vfs, monkeypatch) -> None:
    """Also what Python itself does to names, and syncs, of the files that the VFS remembers."""
    fsync = os.fsync
    link = os.link
    replace = os.replace
    unlink = os.unlink

    def remembering_fsync(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)
        vfs.step("sync", DIRECTORY if path.is_dir() else vfs.files[path.name])

    def remembering_link(path: str, other: str) -> None:
        link(path, other)
        vfs.files[Path(other).name] = vfs.files[Path(path).name]
        vfs.step("name", DIRECTORY, Path(other).name, vfs.files[Path(path).name])

    def remembering_replace(new: str, path: str) -> None:
        replace(new, path)
        vfs.files[Path(path).name] = vfs.files.pop(Path(new).name)
        vfs.step("name", DIRECTORY, Path(path).name, vfs.files[Path(path).name])
        vfs.step("name", DIRECTORY, Path(new).name, None)

    def remembering_unlink(path: str) -> None:
        unlink(path)
        if vfs.files.pop(Path(path).name, None):
            vfs.step("name", DIRECTORY, Path(path).name, None)

    monkeypatch.setattr(os, "fsync", remembering_fsync)
    monkeypatch.setattr(os, "link", remembering_link)
    monkeypatch.setattr(os, "replace", remembering_replace)
    monkeypatch.setattr(os, "unlink", remembering_unlink)


########################################################################################################
# A power cut
########################################################################################################

SECTORS = (512, 4096)


class Disk:
    """Replays the steps of a VFS: what no power cut undoes, and what is on its way to the disk."""

    def __init__(self):
        self.files: dict[int, bytearray] = {}
        self.names: dict[str, int] = {}
        self.pending: list[Step] = []

    def take(self, step: Step, rng: random.Random) -> None:
        if step.kind in ("write", "truncate", "name"):
            self.pending.append(step)
        elif step.kind in ("sync", "failed sync"):
            own = [pending for pending in self.pending if pending.file == step.file]
            self.pending = [pending for pending in self.pending if pending.file != step.file]
            # The system forgets what it could not write: a later sync does not bring it.
            if step.kind == "failed sync":
                own = survivors(own, rng)
            apply(own, self.files, self.names)

    def cut(self, rng: random.Random) -> dict[str, bytes]:
        """The files by name, as a cut at this moment may leave them."""
        names = dict(self.names)
        reached = survivors(self.pending, rng)
        numbers = {*names.values(), *(step.data for step in reached if step.file == DIRECTORY)}
        files = {number: bytearray(self.files.get(number, b"")) for number in numbers if number}
        apply(reached, files, names, rng if rng.random() < 0.3 else None)
        return {name: bytes(files[number]) for name, number in names.items()}


def survivors(pending: list[Step], rng: random.Random) -> list[Step]:
    """What of `pending` reached the disk: all, none, the first, any; whole or torn into sectors."""
    style = rng.choice(("all", "none", "first", "any", "torn", "torn"))
    if style == "first":
        pending = pending[: rng.randint(0, len(pending))]
    elif style in ("any", "torn"):
        share = rng.choice((0.2, 0.5, 0.8))
        size = rng.choice(SECTORS)
        parts = (
            pending if style == "any" else [part for step in pending for part in torn(step, size)]
        )
        pending = [part for part in parts if rng.random() < share]
    return [] if style == "none" else pending


def torn(step: Step, size: int) -> Iterable[Step]:
    """A write's pieces, each in a sector of its own."""
    if step.kind != "write":
        return [step]
    ends = [
        *range((step.at // size + 1) * size, step.at + len(step.data), size),
        step.at + len(step.data),
    ]
    starts = [step.at, *ends[:-1]]
    return [
        Step("write", step.file, start, step.data[start - step.at : end - step.at])
        for start, end in zip(starts, ends, strict=True)
    ]


def apply(
    steps: Iterable[Step], files: dict, names: dict, rng: random.Random | None = None
) -> None:
    """Onto these files. Where nothing was written are zeros, or with `rng` anything."""
    for step in steps:
        if step.file == DIRECTORY:
            names.pop(step.at, None)
            if step.data:
                names[step.at] = step.data
            continue
        content = files.setdefault(step.file, bytearray())
        if step.kind == "truncate":
            del content[step.at :]
        else:
            missing = step.at - len(content)
            if missing > 0:
                content += rng.randbytes(missing) if rng else bytes(missing)
            content[step.at : step.at + len(step.data)] = step.data


########################################################################################################
# The server, step by step
########################################################################################################


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Stepped:
    """The real server without a thread of its own.

    It polls and takes turns when it is called to, so that a run can be repeated.
    """

    def __init__(
        self, database: Path | str, clock=lite.system_clock, connections: int = 6, **settings
    ):
        self.config = lite.Config(database=str(database), port=0, admin_key=ADMIN, **settings)
        self.app = lite.create_app(self.config, clock)
        self.server = lite.Server(self.app, self.config)
        self.database = self.app.database
        self.database.take_turns()
        self.remember_order()
        self.connections = [self.connect() for _ in range(connections)]
        self.checkpointed = threading.Event()
        attempt = self.database.checkpointer.attempt
        self.database.checkpointer.attempt = lambda: (attempt(), self.checkpointed.set())

    def connect(self) -> socket.socket:
        connection = socket.create_connection(
            ("127.0.0.1", self.server.listeners[0].effective_port)
        )
        self.server.poll(0.1)
        return connection

    def together(self, *requests: bytes) -> Iterator[tuple[int, Answer]]:
        """Writes that arrive in this order, before the turn that they share.

        Answers come by number, in the order in which they were served.
        """
        for number, request in enumerate(requests):
            self.connections[number].sendall(request)
            while len(self.server.dispatcher) <= number:
                self.server.poll(0.01)
        ports = [connection.getsockname()[1] for connection in self.connections]
        self.served.clear()
        self.server.turn()
        answers = [self.answer(number) for number in range(len(requests))]
        # Who is refused unserved comes last.
        order = dict.fromkeys([*map(ports.index, self.served), *range(len(requests))])
        return ((number, answers[number]) for number in order)

    def remember_order(self) -> None:
        queued = self.server.dispatcher.queued

        def remembering_order(until: float) -> Iterator[lite.Channel]:
            for channel in queued(until):
                self.served.append(channel.addr[1])
                yield channel

        self.served: list[int] = []
        self.server.dispatcher.queued = remembering_order

    def get(self, path: str) -> Answer:
        self.connections[0].sendall(request_bytes(b"", path=path, method="GET"))
        return self.answer(0)

    def answer(self, number: int) -> Answer:
        """On this connection, or on one in its place if the server ends it."""
        connection = self.connections[number]
        data = b""
        connection.setblocking(False)
        while not is_whole(data):
            try:
                data += connection.recv(65_536)
            except BlockingIOError:
                self.server.poll(0.01)
                self.server.answer_quickly()
                self.server.turn()  # where the first could not begin
        connection.setblocking(True)
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        if headers.get("connection") == "close":
            connection.close()
            self.connections[number] = self.connect()
        return Answer(int(first.split()[1]), headers, body)

    def checkpoint(self, pages: int = 1) -> None:
        """On the checkpointer's thread, as if the WAL had so many pages."""
        self.checkpointed.clear()
        self.database.checkpointer.wake(pages)
        assert self.checkpointed.wait(30)

    def close(self) -> None:
        for connection in self.connections:
            connection.close()
        self.server.finish()
