"""The store of a tracker: its Distribution View, in SQLite or PostgreSQL, by SQLAlchemy Core.

What is stored are the files, the fragments and the registered clients. Each change is one transaction, committed
before anything that follows from it is published, so after a crash at any moment the store holds all that was ever told
to anybody, and nothing else than was decided. What was merely promised to a pending admission is not stored: a tracker
that comes back begins a new round, in which everybody asks again.

A store belongs to one tracker at a time. Whatever fails is a `StoreFailure` with the place, the reason and the remedy;
nothing of that transaction remains.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import sqlalchemy as sa
from immutabledict import immutabledict
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from machines.events import ClientMetadata, FileMetadata, FragmentMetadata
from machines.persistent_map import difference
from machines.rules import View
from runtime.services.keeping import StoreFailure
from runtime.wire.in_pieces import encoded, in_order

log = logging.getLogger("clientjoin.service")

VERSION = 2
"""Of the schema; an older store is migrated, a newer one refused."""
AT_ONCE = 500
"""Rows of one statement."""
PATIENCE = 5
"""Seconds that another program may hold the store."""

schema = sa.MetaData()
about = sa.Table("about", schema, sa.Column("name", sa.String, primary_key=True), sa.Column("value", sa.String))
files = sa.Table(
    "files",
    schema,
    sa.Column("hash", sa.String, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("fragments", sa.Text, nullable=False),
)
fragments = sa.Table(
    "fragments",
    schema,
    sa.Column("hash", sa.String, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
)
clients = sa.Table(
    "clients",
    schema,
    sa.Column("client", sa.String, primary_key=True),
    sa.Column("endpoints", sa.Text, nullable=False),
    sa.Column("fragments", sa.Text, nullable=False),
    sa.Column("request_id", sa.String, nullable=False),
)

Row = dict[str, Any]


class Change(NamedTuple):
    """What is to be changed in a table: the keys of rows that go, and the entries of those that come."""

    table: sa.Table
    key: "sa.Column[str]"
    row: Callable[[str, Any], Row]
    gone: list[str]
    come: Mapping[str, Any]


def _file(key: str, one: FileMetadata) -> Row:
    return {"hash": key, "size": one.size, "fragments": encoded(list(one.fragment_sequence))}


def _fragment(key: str, one: FragmentMetadata) -> Row:
    return {"hash": key, "size": one.size}


def _client(key: str, one: ClientMetadata) -> Row:
    return {
        "client": key,
        "endpoints": encoded(in_order(one.endpoints)),
        "fragments": encoded(in_order(one.stored_fragments)),
        "request_id": one.request_id,
    }


class Store:
    """A tracker's store, open from `__enter__` to `__exit__`."""

    def __init__(self, url: str, patience: float = PATIENCE) -> None:
        """`url` as SQLAlchemy reads it; `patience` in seconds for another program that holds it.

        Raises `StoreFailure` if the URL is none, or its driver is missing.
        """
        scheme = url.partition("://")[0]
        try:
            at = sa.make_url(url)
            if at.drivername == "postgresql":
                at = at.set(drivername="postgresql+psycopg")
            self.place = at.render_as_string(hide_password=True)
            self._is_sqlite = at.get_backend_name() == "sqlite"
            self._path = Path(at.database) if self._is_sqlite and at.database not in {None, "", ":memory:"} else None
            if not self._is_sqlite and at.get_backend_name() != "postgresql":
                raise StoreFailure(f"{self.place} is no store: {FORM}")
            at_sqlite = {"timeout": patience, "check_same_thread": False}  # one at a time, each for one transaction
            options = at_sqlite if self._is_sqlite else {"connect_timeout": max(2, int(patience))}
            self._engine = sa.create_engine(at, poolclass=sa.pool.StaticPool, connect_args=options)
        except (ArgumentError, NoSuchModuleError) as error:
            raise StoreFailure(f"the store {scheme}://... is none: {error}; {FORM}") from None
        except ImportError as error:
            needed = "pip install 'clientjoin[postgresql]'"
            raise StoreFailure(f"a store {scheme}://... needs the extra: {needed} ({error})") from None
        self._connection: sa.Connection | None = None
        self._kept = View()
        self._before_commit: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        """Open the store for this tracker alone, and bring its schema up to date. Raises `StoreFailure`."""
        try:
            with self._failing("open"):
                self._connection = self._engine.connect()
                self._take()
                self._migrate()
        except StoreFailure:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close it; what was kept is kept."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._engine.dispose()

    def load(self) -> View:
        """What was kept, files, fragments and clients, without anybody admitted. Raises `StoreFailure`."""
        with self._failing("read"), self._open.begin():
            self._kept = View(
                files=immutabledict({r.hash: FileMetadata(r.size, _texts(r.fragments)) for r in self._all(files)}),
                fragments=immutabledict({r.hash: FragmentMetadata(r.size) for r in self._all(fragments)}),
                clients=immutabledict(
                    {
                        r.client: ClientMetadata(
                            frozenset(_texts(r.endpoints)), frozenset(_texts(r.fragments)), r.request_id
                        )
                        for r in self._all(clients)
                    }
                ),
            )
        return self._kept

    def keep(self, view: View) -> None:
        """Store this view in place of the last one, in one transaction.

        Raises `StoreFailure`; nothing is stored then.
        """
        kept = self._kept
        changes = (
            Change(files, files.c.hash, _file, *difference(kept.files, view.files)),
            Change(fragments, fragments.c.hash, _fragment, *difference(kept.fragments, view.fragments)),
            Change(clients, clients.c.client, _client, *difference(kept.clients, view.clients)),
        )
        if any(change.gone or change.come for change in changes):
            with self._failing("write"), self._open.begin():
                for change in changes:
                    self._make(change)
                self._before_commit()
        self._kept = view

    @property
    def _open(self) -> sa.Connection:
        assert self._connection is not None, "the store is not open"
        return self._connection

    def _all(self, table: sa.Table) -> Iterator[Any]:
        yield from self._open.execute(sa.select(table))

    def _make(self, change: Change) -> None:
        """Change the rows of a table."""
        gone, come = change.gone, list(change.come.items())
        for place in range(0, len(gone), AT_ONCE):
            self._open.execute(sa.delete(change.table).where(change.key.in_(gone[place : place + AT_ONCE])))
        for place in range(0, len(come), AT_ONCE):
            rows = [change.row(name, one) for name, one in come[place : place + AT_ONCE]]
            self._open.execute(sa.insert(change.table), rows)

    def _take(self) -> None:
        """Let no other tracker have this store."""
        if self._is_sqlite:
            with self._open.begin():
                for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL"):
                    self._open.exec_driver_sql(f"PRAGMA {pragma}")
            with self._open.begin():
                found = self._open.exec_driver_sql("PRAGMA quick_check").scalar()
                size = int(self._open.exec_driver_sql("PRAGMA page_size").scalar() or 1)
                if self._path is not None and (rest := self._path.stat().st_size % size):
                    found = f"its last page of {size} bytes has {rest}"  # SQLite takes what is missing for zeros
                self._open.exec_driver_sql("CREATE TABLE IF NOT EXISTS about (name VARCHAR PRIMARY KEY, value VARCHAR)")
            if found != "ok":
                raise StoreFailure(f"the store {self.place} is corrupt ({found}): {RESTORE}")
        else:
            number = int.from_bytes(hashlib.sha256(b"clientjoin").digest()[:7])
            with self._open.begin():
                taken = self._open.execute(sa.select(sa.func.pg_try_advisory_lock(number))).scalar()
            if not taken:
                raise StoreFailure(
                    f"the store {self.place} is used by another tracker: stop that, or use another store"
                )

    def _migrate(self) -> None:
        """Bring the schema up to date, in one transaction."""
        with self._open.begin():
            known = sa.inspect(self._open).get_table_names()
            said = sa.select(about.c.value).where(about.c.name == "version")
            found = self._open.execute(said).scalar() if "about" in known else None
            version = int(found) if found is not None else int("files" in known)
            if version > VERSION:
                raise StoreFailure(
                    f"the store {self.place} has version {version}, and this program knows {VERSION}: "
                    "use a newer program"
                )
            if version == 1:
                log.info("the store %s is brought from version 1 to %d", self.place, VERSION)
                self._open.execute(sa.text("ALTER TABLE clients ADD COLUMN request_id VARCHAR NOT NULL DEFAULT ''"))
            schema.create_all(self._open)
            if version != VERSION:
                self._open.execute(sa.delete(about).where(about.c.name == "version"))
                self._open.execute(sa.insert(about).values(name="version", value=str(VERSION)))

    @contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        """Tell of what fails in one line, with what to do."""
        try:
            yield
        except DBAPIError as error:
            raise StoreFailure(f"cannot {what} the store {self.place}: {_remedied(error)}") from None
        except SQLAlchemyError as error:
            raise StoreFailure(f"cannot {what} the store {self.place}: {error}") from None
        except (ValueError, TypeError, KeyError) as error:
            raise StoreFailure(f"the store {self.place} is corrupt ({error}): {RESTORE}") from None


FORM = "expected sqlite:///FILE, or postgresql://USER@HOST/DATABASE"
RESTORE = "restore it from a backup, or start with a new one: members bring what they know"
REMEDIES = (
    ("locked", "stop the other program that uses it, or use another store"),
    ("full", "make room, and start again: nothing of the last change was stored or told"),
    ("malformed", RESTORE),
    ("not a database", RESTORE),
    ("unable to open", "the folder has to exist and be writable"),
    ("disk I/O", "is the disk full, or gone? Nothing of the last change was stored or told"),
    ("readonly", "make the file and its folder writable"),
    ("no such column", RESTORE),
    ("refused", "is PostgreSQL running there?"),
)


def _remedied(error: DBAPIError) -> str:
    said = " ".join(str(error.orig).split())
    remedy = next((remedy for word, remedy in REMEDIES if word in said), "")
    return f"{said}: {remedy}" if remedy else said


def _texts(text: str) -> tuple[str, ...]:
    """A list of texts as it was stored. Raises `ValueError`."""
    given = json.loads(text)
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise ValueError(f"{text[:40]!r} is no list of texts")
    return tuple(given)
