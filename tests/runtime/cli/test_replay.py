"""`clientjoin replay`: counterexamples played again, in the explorer and live, and what is said of corrupt ones."""

import asyncio
import subprocess
import sys
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from random import Random

import pytest
from immutabledict import immutabledict
from typer.testing import CliRunner

from machines import Clock, DistributionView, Participant, TorrentServer
from machines.calls import Role
from runtime.cli.main import app
from runtime.cli.replay import Run, play_live, played
from runtime.mqtt.faults import Verdict
from runtime.replay.controlled_server import ControlledServer
from runtime.replay.live import Ending, Live
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.faults import ORDERS
from spec.exploration.model.scenario import FAULTS, Scenario, scenario, with_bounds
from spec.exploration.model.wills import LATE, SAYS
from spec.exploration.traces.rendering import choices
from spec.exploration.traces.replay import Replayed
from tests.support.places import TRACES
from tests.support.servers import Nobody

NEWS_LOST = TRACES / "everybody-registered-knows-everybody-registered.txt"
OVERTAKEN = TRACES / "whoever-counts-itself-as-registered-is-registered-unless-the-tracker-changed.txt"
SAVED = (NEWS_LOST, OVERTAKEN)


def command(*args: str | Path) -> tuple[int, str, str]:
    """Exit status, standard output and standard error; no traceback reaches anybody."""
    result = CliRunner().invoke(app, ["replay", *map(str, args)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, result.stdout, " ".join(result.stderr.split())


def live(run: Run, qos: int = 2) -> Ending:
    return asyncio.run(play_live(run, Nobody(), qos))


def is_broken_live(run: Run, qos: int = 2) -> bool:
    """Whether the live run is the explorer's, and ends where the property is broken."""
    ending = live(run, qos)
    assert not ending.differences
    assert ending.row is not None
    return run.breaks(ending.row)


def edited(folder: Path, *changes: tuple[str, str], trace: Path = NEWS_LOST) -> Path:
    text = trace.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "trace.txt"
    path.write_text(text, encoding="utf-8")
    return path


def without_last_step(folder: Path) -> Path:
    return edited(folder, ("// step 15: read torrent2 ClientRegistered (torrent2)\n", ""))


# In the explorer.


@pytest.mark.parametrize("trace", SAVED, ids=lambda path: path.stem)
def test_a_saved_trace_breaks_its_property(trace: Path) -> None:
    status, told, complaint = command(trace)
    assert (status, complaint) == (0, "")
    assert "at their end the property is broken, as the trace says" in told.splitlines()[-1]


def test_each_step_is_shown_with_where_everybody_is_after_it() -> None:
    _, told, _ = command(NEWS_LOST)
    steps = told.split("\n\n")
    assert steps[13].splitlines() == [
        "step 13: read tracker ClientJoinSucceeded (torrent2)",
        "    tracker   awaiting requests",
        "    torrent1  registered; under way to it: ClientJoinAccepted (torrent2), ClientRegistered (torrent2)",
        "    torrent2  awaiting registration; timeout set for torrent2; under way to it: ClientRegistered (torrent2)",
    ]
    assert steps[14].startswith("in between, and ignored: read torrent1 ClientJoinAccepted (torrent2)\n")
    assert steps[-1].splitlines()[:3] == [
        "the view of tracker  holds torrent1, torrent2",
        "the view of torrent1 holds torrent1",
        "the view of torrent2 holds torrent1, torrent2",
    ]


def test_without_its_last_step_a_trace_breaks_nothing(tmp_path: Path) -> None:
    status, told, complaint = command(without_last_step(tmp_path))
    assert (status, complaint) == (1, "")
    assert "the property is not broken, and the trace says that it is" in told.splitlines()[-1]


CORRUPT = {
    "a step that is not possible there": (
        ("// step 5: read tracker", "// step 5: expire tracker"),
        "step 5: 'expire tracker ClientJoinRequested (torrent1)' cannot happen here; what can: read tracker",
    ),
    "a server that does not exist": (
        ("// step 3: start torrent1", "// step 3: start torrent7"),
        "step 3: 'start torrent7' cannot happen here; what can: ",
    ),
    "a step that is missing": (("// step 5:", "//"), "step 5 is missing; steps are numbered from 1 without a gap"),
    "a step given twice": (("// step 5:", "// step 4:"), "the comment '// step 4:' stands there twice; keep one"),
    "no scenario": (("// scenario:", "// szenario:"), "holds no trace; it needs the comments '// scenario: ...'"),
    "a scenario that is no JSON": (
        ('"stabilisation": false, ', '"stabilisation": '),
        "the comment '// scenario:': is not JSON",
    ),
    "a scenario that is no object": (("// scenario: ", "// scenario: 7 // "), "is not JSON"),
    "an unknown key": (('"torrents"', '"torents"'), "torents: no such key; there are description, torrents"),
    "a number that is none": (('"torrents": 2', '"torrents": "two"'), "torrents: 'two' is no int"),
    "too many servers": (('"torrents": 2', '"torrents": 99'), "torrents is 99; it has to be from 1 to 9"),
    "an unknown fault": (
        ('"losses": null', '"loses": null'),
        "no fault 'loses'; did you mean 'losses'?",
    ),
    "a bound that is none": (('"losses": null', '"losses": -1'), "faults losses: -1 is no bound"),
    "faults that are no object": (('"faults": {', '"faults": [], "x": {'), "has to be an object, and its faults, too"),
    "events that are no names": (('"loses": []', '"loses": [[]]'), "the comment '// scenario:'"),
    "an unknown property": (
        ("// property: everybody registered knows", "// property: everybody registered nose"),
        "no property 'everybody registered nose everybody registered'; the nearest is 'everybody registered knows",
    ),
}


@pytest.mark.parametrize("what", CORRUPT)
def test_a_corrupt_trace_is_refused_with_place_and_remedy(what: str, tmp_path: Path) -> None:
    change, expected = CORRUPT[what]
    path = edited(tmp_path, change)
    for options in ((), ("--live",)):
        status, told, complaint = command(path, *options)
        assert (status, told) == (2, "")
        assert complaint.startswith(f"clientjoin: {path}: ")
        assert expected in complaint


def test_what_is_no_trace_is_refused(tmp_path: Path) -> None:
    assert command(tmp_path / "none.txt")[::2] == (
        2,
        f"clientjoin: cannot read {tmp_path / 'none.txt'}: No such file or directory",
    )
    (tmp_path / "bytes.txt").write_bytes(b"\xff")
    assert command(tmp_path / "bytes.txt")[::2] == (
        2,
        f"clientjoin: {tmp_path / 'bytes.txt'} is not UTF-8 (byte 0): save it as UTF-8",
    )
    status, _, complaint = command(NEWS_LOST, "--qos", "1")
    assert status == 2
    assert "it goes with --live" in complaint


# Live.


def test_a_run_that_never_terminates_is_told_by_its_end(tmp_path: Path) -> None:
    """The property about runs: nothing happens any more, and a torrent server waits for an answer that was lost."""
    from spec.exploration.explore import explore

    stuck = Scenario("stuck", torrents=1, timeouts="never", faults=immutabledict({"losses": 1}))
    (verdict,) = (one for one in explore(stuck).verdicts if one.property_.when == "termination")
    path = tmp_path / "stuck.txt"
    path.write_text(verdict.trace, encoding="utf-8")
    run = played(path)
    assert run.breaks(run.last)
    assert is_broken_live(run)
    quiescent = replace(run, steps=run.steps[:2])  # the tracker has started, and nobody asks anything
    assert not quiescent.breaks(quiescent.last)


@pytest.mark.parametrize("qos", [0, 2])
def test_a_saved_trace_is_played_on_the_broker(qos: int) -> None:
    status, told, complaint = command(NEWS_LOST, "--live", "--qos", str(qos))
    assert (status, complaint) == (0, "")
    assert "Every chart, every view and what is under way is as in the explorer, after every step." in told
    assert "step 13: read tracker ClientJoinSucceeded (torrent2); lose ClientRegistered@from-broker:torrent1 ==" in told
    lines = told.splitlines()
    assert [line for line in lines if "Broker -x Torrent1     ClientRegistered of torrent2  LOST" in line]
    assert lines[-1].startswith(f"15 steps, live, QoS {qos}; at their end the property is broken, as the trace says")


def test_events_that_overtake_each_other_do_so_live() -> None:
    assert is_broken_live(played(OVERTAKEN), qos=1)


def test_without_its_last_step_a_trace_breaks_nothing_live(tmp_path: Path) -> None:
    status, told, _ = command(without_last_step(tmp_path), "--live")
    assert status == 1
    assert "the property is not broken, and the trace says that it is" in told.splitlines()[-1]


def test_servers_that_differ_from_those_of_the_trace_show() -> None:
    run = played(NEWS_LOST)

    async def with_others() -> Ending:
        others = replace(run.trace.scenario, files=True).build(drop_inert=False).nodes
        async with Live(run.system, Nobody(), others) as play:
            return await play.play(run.steps)

    ending = asyncio.run(with_others())
    assert ending.row is None
    assert any(told.startswith("step 1: torrent1's view holds ") for told in ending.differences)


def test_a_loss_that_does_not_happen_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    run = played(NEWS_LOST)
    monkeypatch.setattr("runtime.mqtt.broker.EmbeddedBroker._verdict", lambda *_: Verdict())
    differences = live(run).differences
    assert differences[0] == "step 13: this was to happen and did not: lose ClientRegistered@from-broker:torrent1"
    assert differences[1].startswith("step 13: under way to torrent1 is ClientJoinAccepted, ClientRegistered; in the")


def test_a_timeout_that_is_not_set_cannot_be_exceeded() -> None:
    charts: dict[Role, Participant] = {
        "client": TorrentServer("torrent1"),
        "clock": Clock(),
        "view": DistributionView(),
    }
    server = ControlledServer(charts, lambda _: pytest.fail("nobody connects"), observer=lambda _: None)
    with pytest.raises(LookupError, match="no timeout for torrent1 is set at torrent1"):
        server.expire("torrent1")


def test_whoever_has_seen_enough_ends_it_without_a_word() -> None:
    program = [sys.executable, "-m", "runtime.cli.main", "replay", "--live", str(NEWS_LOST)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as playing:
        assert playing.stdout is not None
        assert playing.stderr is not None
        playing.stdout.readline()
        playing.stdout.close()
        assert (playing.stderr.read(), playing.wait(30)) == ("", 141)


# All that the explorer finds.

COMPILED = pytest.mark.skipif(
    find_spec("numba") is None, reason="so many states take a while without numba: install the extra 'fast'"
)


@cache
def found(torrents: int) -> dict[str, str]:
    """The counterexamples of the default scenario, by property."""
    from spec.exploration.explore import explore

    verdicts = explore(replace(scenario("default"), torrents=torrents)).verdicts
    return {verdict.property_.name: verdict.trace for verdict in verdicts if verdict.trace}


@pytest.mark.parametrize("torrents", [1, pytest.param(2, marks=[COMPILED, pytest.mark.nightly])])
def test_every_counterexample_is_played_again_here_and_live(torrents: int, tmp_path: Path) -> None:
    assert found(torrents)
    for property_, text in found(torrents).items():
        path = tmp_path / "trace.txt"
        path.write_text(text, encoding="utf-8")
        run = played(path)
        assert run.trace.property_ == property_
        assert run.breaks(run.last)
        assert is_broken_live(run)


# Whatever can happen in the explorer can happen live.


def everything(random: Random) -> Scenario:
    """A scenario in which anything can go wrong."""
    hops = random.random() < 0.5
    chosen = Scenario(
        "anything",
        stabilisation=True,
        files=random.random() < 0.3,
        unordered=random.random() < 0.3,
        keeps_hops=hops,
        conflicting=random.choice((0, 2)),
        hardened=random.random() < 0.5,
    )
    if chosen.hardened and random.random() < 0.7:
        chosen = replace(chosen, wills=True)
    # What a server sent before it stopped survives the broker in the explorer, and nowhere else.
    faults = dict.fromkeys(fault for fault in FAULTS if chosen.wills or fault != LATE)
    return with_bounds(chosen, {**faults, "broker restart": 0 if hops else None})


SEEDS = range(10)
STEPS = 40
LIKELY = {"read": 8, "publish": 6, "forward": 6, "start": 4, "lose 2": 0.7, "expire": 0.5, "stabilisation": 0.15}


@cache
def walk(seed: int) -> tuple[ClosedSystem, Scenario, tuple[Replayed, ...]]:
    """A run by chance, in which each kind of step has its turn.

    What is done unheard is left out: a trace of it is told with both hops (`tests/spec/exploration/test_one_hop.py`).
    """
    random = Random(seed)
    chosen = everything(random)
    system = chosen.build(drop_inert=False)
    row, run = system.initial(), list[Replayed]()
    while len(run) < STEPS and (possible := [each for each in choices(system, row) if not each[1].unheard]):
        kinds = sorted({label.kind for _, label, _ in possible})
        (kind,) = random.choices(kinds, [LIKELY.get(kind, 0.6) for kind in kinds])
        text, label, row = random.choice([each for each in possible if each[1].kind == kind])
        run.append(Replayed(len(run) + 1, text, label, row))
    return system, chosen, tuple(run)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_run_is_the_same_live(seed: int) -> None:
    system, chosen, run = walk(seed)

    async def differences() -> list[str]:
        async with Live(system, Nobody(), chosen.build(drop_inert=False).nodes, qos=seed % 3) as live:
            return (await live.play(run)).differences

    assert asyncio.run(differences()) == []


def test_every_kind_of_step_is_tried() -> None:
    kinds = {step.label.kind for seed in SEEDS for step in walk(seed)[2]}
    assert kinds >= {
        *ORDERS,
        "read",
        "expire",
        "start",
        "stabilisation",
        "restart",
        "duplicate",
        "forward",
        "lose 1",
        "lose 2",
        *SAYS,
    }
