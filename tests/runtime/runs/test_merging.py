"""Logs of several subscribers are put together by what they share, whatever their clocks show."""

import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from machines.events import ClientGoodbye
from runtime.cli.main import app
from runtime.runs.format import Run, RunError
from runtime.runs.logs import read_run
from runtime.runs.merging import CLOCKS, merged, name_of
from spec.monitor import Gap, Observed, Published
from spec.monitor.observation import SUBSCRIBER

STAMP = "3f2504e0-4f89-41d3-9a0c-0305e82c{:04}"


def event(number: int, at: float) -> Published:
    return Published(at, "", ClientGoodbye(client="t1", event_id=STAMP.format(number)))


def run(*seen: Observed) -> Run:
    return Run(seen, SUBSCRIBER, from_the_start=False)


def told(found: Run) -> list[int]:
    return [int(name_of(one)[-4:]) for one in found.seen if name_of(one)]


def log(*numbers: int, clock: float = 0.0) -> Run:
    return run(*(event(number, 10.0 * number + clock) for number in numbers))


@pytest.mark.parametrize("clock", [0.0, -1000.0, 25.0])
def test_what_one_missed_the_other_has_seen(clock: float) -> None:
    found = merged([("a", log(1, 2, 5, 6)), ("b", log(2, 3, 4, 5, 7, clock=clock))])
    assert set(told(found)) == {1, 2, 3, 4, 5, 6, 7}
    assert told(found)[:5] == [1, 2, 3, 4, 5]
    assert found.misses  # nobody knows what came first of 6 and 7
    assert [one.at for one in found.seen] == sorted(one.at for one in found.seen)


@pytest.mark.parametrize("seed", range(50))
def test_the_order_is_that_of_the_bus_or_called_a_guess(seed: int) -> None:
    chance = random.Random(seed)
    numbers = range(chance.randint(3, 12))
    kept = [[number for number in numbers if chance.random() < chance.choice([0.5, 0.9])] for _ in range(3)]
    logs = [(f"log {n}", log(*each, clock=chance.uniform(-500, 500))) for n, each in enumerate(kept)]
    try:
        found = merged(logs)
    except (RunError, IndexError):
        assert not all(set(kept[0]) & set(each) for each in kept)
        return
    assert set(told(found)) == {number for each in kept for number in each}
    if not found.misses:
        assert told(found) == sorted(told(found))


def test_a_gap_that_the_other_log_fills_is_none() -> None:
    with_gap = run(event(1, 10.0), Gap(15.0, "lines are missing"), event(3, 30.0))
    found = merged([("a", with_gap), ("b", log(1, 2, 3))])
    assert (told(found), any(isinstance(one, Gap) for one in found.seen)) == ([1, 2, 3], False)
    alone = merged([("a", with_gap), ("b", log(3, 4))])
    assert any(isinstance(one, Gap) for one in alone.seen)


def test_what_nobody_can_put_in_order_is_a_guess() -> None:
    found = merged([("a", log(1, 2, 4)), ("b", log(1, 3, 4))])
    assert (told(found), found.misses) == ([1, 2, 3, 4], True)


def test_logs_that_share_nothing_follow_each_other_after_a_gap() -> None:
    found = merged([("b", log(4, 5)), ("a", log(1, 2))])
    assert told(found) == [1, 2, 4, 5]
    assert [place for place, one in enumerate(found.seen) if isinstance(one, Gap)] == [2]
    with pytest.raises(RunError, match="a and b share no event"):
        merged([("a", log(1, 4)), ("b", log(2, 3))])
    with pytest.raises(RunError, match="see different things"):
        merged([("a", log(1)), ("b", Run(log(1).seen))])


def printed(*rows: tuple[float, int]) -> str:
    body = '{{"EventId": "{}", "ClientIdentifier": "t1"}}'
    return "".join(f"{at:.3f} clients/goodbye {body.format(STAMP.format(number))}\n" for at, number in rows)


def test_one_file_of_two_clocks_is_not_taken_at_its_word() -> None:
    rows = [(100000.0 + number, number) for number in range(8)]
    late = [(at - 2.5, number) for at, number in rows]
    assert read_run(printed(*rows, *rows)).doubt == ""
    assert read_run(printed(*rows, *late)).doubt == ""  # each holds all, so that the order is the same
    found = read_run(printed(*rows[:5], *late[2:]))
    assert (found.doubt, found.misses) == (CLOCKS, True)


def test_who_repeats_an_event_later_is_no_second_subscriber() -> None:
    rows = [(100000.0 + number, number) for number in range(8)]
    repeated = [(100003.5, 1), (100007.9, 2), (100004.1, 3)]
    assert not read_run(printed(*rows, *repeated)).misses


FORBIDDEN = "clients/join/succeeded"


def test_several_logs_are_judged_as_one(tmp_path: Path) -> None:
    """A confirmation that nobody allowed is forbidden in both logs together, though each alone lacks what shows it."""
    body = '{{"EventId": "{}", "ClientIdentifier": "t1"{}}}'
    asks = ', "HashAlgorithm": "sha-256", "KnownFileInfos": {}, "StoredFragments": {}, "Endpoints": []'
    lines = [
        f"100000.0 clients/join/requested {body.format(STAMP.format(1), asks)}",
        f"100001.0 {FORBIDDEN} {body.format(STAMP.format(2), '')}",
        f'100002.0 tracker/hello {{"EventId": "{STAMP.format(3)}"}}',
    ]
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    first.write_text("\n".join([lines[0], lines[2], ""]), "utf-8")
    second.write_text("\n".join([*lines, ""]).replace("10000", "10005"), "utf-8")
    options = ["--lossless", "--as-drawn", "--from-the-start"]
    assert CliRunner().invoke(app, ["monitor", str(first), *options]).exit_code != 1
    result = CliRunner().invoke(app, ["monitor", str(first), str(second), *options])
    assert (result.exit_code, "ClientJoinSucceeded" in result.output) == (1, True)
    result = CliRunner().invoke(app, ["monitor", "-", str(first)])
    assert (result.exit_code, "put together with no other log" in result.output) == (2, True)
