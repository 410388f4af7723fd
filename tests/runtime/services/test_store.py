"""The store: what is kept is there again, and what fails leaves nothing behind. On SQLite and on PostgreSQL."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from immutabledict import immutabledict

from machines import ClientMetadata, FileMetadata, FragmentMetadata, View
from runtime.services.keeping import StoreFailure
from runtime.services.store import VERSION, Store
from runtime.services.supervisor import Exit
from tests.support.brokers import KINDS, a_broker
from tests.support.mqtt_clients import live
from tests.support.nightly import share
from tests.support.postgresql import postgresql
from tests.support.services import a_bus


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgresql(tmp_path_factory.mktemp("postgresql") / "cluster") as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/store.db"
        return
    found: str = request.getfixturevalue("database")
    engine = sa.create_engine(found.replace("postgresql:", "postgresql+psycopg:"))
    yield found
    with engine.begin() as connection:
        for name in sa.inspect(connection).get_table_names():
            connection.execute(sa.text(f"DROP TABLE {name}"))
    engine.dispose()


def view(clients: int = 2, files: int = 3) -> View:
    return View(
        files=immutabledict({f"file-{n}": FileMetadata(2**40 + n, (f"fragment-{n}", "ü\n")) for n in range(files)}),
        fragments=immutabledict({f"fragment-{n}": FragmentMetadata(n) for n in range(files)}),
        clients=immutabledict(
            {f"client-{n}": ClientMetadata(frozenset({"a", "b"}), frozenset({"f"}), f"s-{n}") for n in range(clients)}
        ),
    )


def loaded(url: str) -> View:
    with Store(url) as store:
        return store.load()


def test_what_is_kept_is_there_again(url: str) -> None:
    assert loaded(url) == View()
    with Store(url) as store:
        store.load()
        store.keep(view())
    assert loaded(url) == view()
    with Store(url) as store:
        store.load()
        store.keep(view(clients=1, files=1200))
        store.keep(view(clients=3, files=2))
    assert loaded(url) == view(clients=3, files=2)


SMALL = st.dictionaries(st.sampled_from("abcdé"), st.integers(0, 2**63 - 1), max_size=4)


@settings(max_examples=share(60), deadline=None)
@given(st.lists(st.tuples(SMALL, SMALL), max_size=6))
def test_the_last_of_any_views_is_kept(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[dict[str, int], dict[str, int]]]
) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('kept')}/store.db"
    last = View()
    for files, people in steps:
        last = View(
            files=immutabledict({key: FileMetadata(size, (key,)) for key, size in files.items()}),
            clients=immutabledict({key: ClientMetadata(frozenset({str(n)})) for key, n in people.items()}),
        )
        with Store(url) as store:
            store.load()
            store.keep(last)
    assert loaded(url) == last


def test_what_fails_before_the_commit_leaves_nothing(url: str) -> None:
    """Fault 35: the end comes between the writes and the commit."""
    with Store(url) as store:
        store.load()
        store.keep(view())

        def fail() -> None:
            raise sa.exc.SQLAlchemyError("the power is gone")

        store._before_commit = fail
        with pytest.raises(StoreFailure, match=r"cannot write the store .*the power is gone"):
            store.keep(view(clients=0, files=9))
    assert loaded(url) == view()


def test_a_store_is_for_one_tracker_at_a_time(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(url) as store:
        store.load()
        store.keep(view())
        with pytest.raises(StoreFailure, match=r"locked|used by another") as failure, Store(url, patience=0.1):
            pass
        assert "use another store" in str(failure.value)
    assert loaded(url) == view()


def test_an_older_store_is_migrated(url: str) -> None:
    with Store(url) as store:
        store.load()
        store.keep(view())
    with _database(url) as connection:
        connection.execute(sa.text("ALTER TABLE clients DROP COLUMN request_id"))
        connection.execute(sa.text("DELETE FROM about"))
    kept = loaded(url)
    assert (kept.files, kept.fragments) == (view().files, view().fragments)
    assert {one.request_id for one in kept.clients.values()} == {""}
    with _database(url) as connection:
        assert connection.execute(sa.text("SELECT value FROM about")).scalar() == str(VERSION)


def test_a_newer_store_is_refused(url: str) -> None:
    with Store(url):
        pass
    with _database(url) as connection:
        connection.execute(sa.text("UPDATE about SET value = '99'"))
    with pytest.raises(StoreFailure, match="has version 99, and this program knows 2: use a newer program"):
        loaded(url)


@contextlib.contextmanager
def _database(url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def test_a_store_that_is_cut_short_is_refused_or_whole(tmp_path: Path) -> None:
    """Fault 37: never a view that nobody kept."""
    whole = tmp_path / "whole.db"
    with Store(f"sqlite:///{whole}") as store:
        store.load()
        store.keep(view(clients=9, files=400))
    data = whole.read_bytes()
    refused = 0
    for length in (0, 1, 15, 16, 100, 4096, 5000, len(data) // 2, len(data) - 4096, len(data) - 1):
        cut = tmp_path / f"cut-{length}.db"
        cut.write_bytes(data[:length])
        try:
            assert loaded(f"sqlite:///{cut}") in (View(), view(clients=9, files=400))
        except StoreFailure as failure:
            refused += 1
            assert "restore it from a backup" in str(failure)  # noqa: PT017 - both outcomes are right
    assert refused >= 6


def test_rows_that_are_no_view_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    for column in ("endpoints", "fragments"):
        path.unlink(missing_ok=True)
        with Store(f"sqlite:///{path}") as store:
            store.load()
            store.keep(view())
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(f"UPDATE clients SET {column} = '[1]'")
        with pytest.raises(StoreFailure, match=r"is corrupt .*no list of texts"):
            loaded(f"sqlite:///{path}")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nothing", "is none: Could not parse"),
        ("mysql://u:secret@h/d", r"mysql://u:\*\*\*@h/d is no store: expected sqlite:///FILE"),
        ("sqlite:////nowhere/at/all.db", "unable to open database file: the folder has to exist"),
        ("postgresql://u:secret@127.0.0.1:9/d", "is PostgreSQL running there"),
    ],
)
def test_a_place_that_is_no_store_is_said(url: str, said: str) -> None:
    with pytest.raises(StoreFailure, match=said) as failure, Store(url):
        pass
    assert "secret" not in str(failure.value)
    assert "\n" not in str(failure.value)


def test_a_full_disk_is_said_and_nothing_is_half_kept(tmp_path: Path) -> None:
    """Fault 34."""
    url = f"sqlite:///{tmp_path}/store.db"
    with Store(url) as store:
        store.load()
        store.keep(view())
        store._open.exec_driver_sql("PRAGMA max_page_count = 20")
        store._open.commit()
        with pytest.raises(StoreFailure, match="is full: make room, and start again"):
            store.keep(view(files=20_000))
    assert loaded(url) == view()


@pytest.mark.parametrize("kind", KINDS)
@live
async def test_what_is_not_stored_is_not_told(kind: str, tmp_path: Path) -> None:
    """The tracker stops at once, with a status of its own, and nobody hears of a registration."""
    async with a_broker(kind, tmp_path) as address, a_bus(address) as bus:
        with Store(f"sqlite:///{tmp_path}/store.db") as store:
            store.load()
            tracker = await bus.tracker(store).member()
            other = await bus.torrent("other").member()
            assert set(store._kept.clients) == {"other"}

            def fail() -> None:
                raise sa.exc.SQLAlchemyError("disk I/O error")

            store._before_commit = fail
            one = bus.torrent("one", timeout=0.5)
            assert await tracker.ends() is Exit.STORE
            assert "disk I/O error" in tracker.status.why()
            assert tracker.status.joins["registered"] == 1  # it does not count, or log, what it did not tell
            await one.until(lambda: one.status.joins["timed out"] >= 1)
            assert not one.status.joins["registered"]
            assert set(other.server.view.clients) == {"other"}
        kept = loaded(f"sqlite:///{tmp_path}/store.db")
        assert set(kept.files) == {"other-file-0"}
        with Store(f"sqlite:///{tmp_path}/store.db") as store:
            known = store.load()
            again = await bus.tracker(store, known).member()
            await again.members("one", "other")
            await other.members("one", "other")
            assert set(store._kept.clients) == {"one", "other"}
