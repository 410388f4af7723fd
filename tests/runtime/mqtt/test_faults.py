"""Faults: their text, the errors for a bad text, the verdicts of a plan, and what they do on a live broker."""

import contextlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.mqtt.broker import EmbeddedBroker
from runtime.mqtt.faults import (
    EVENT_NAMES,
    FROM_BROKER,
    TO_BROKER,
    Fault,
    FaultPlan,
    FaultSyntaxError,
    Hop,
    Kind,
    Verdict,
    parse_fault,
)
from tests.support.mqtt_clients import (
    DISCONNECT,
    END,
    GOODBYE,
    HELLO,
    Told,
    client,
    connect_packet,
    dial,
    hang_up,
    hellos,
    live,
    packet,
    plan,
    play,
    publish_packet,
    take,
)

PASSED = Verdict()
LOST = Verdict(lost=True)


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    kind: Kind = draw(st.sampled_from(("lose", "duplicate", "delay")))
    hop: Hop = draw(st.sampled_from((TO_BROKER, FROM_BROKER)))
    return Fault(
        kind,
        draw(st.sampled_from((*EVENT_NAMES, "*"))),
        hop,
        client=draw(st.none() | st.text(min_size=1).filter(lambda text: not set(text) & set("#%="))),
        seconds=draw(st.floats(0, exclude_min=True, allow_infinity=False)) if kind == "delay" else 0.0,
        **draw(
            st.one_of(
                st.just({}),
                st.fixed_dictionaries({"occurrence": st.integers(min_value=1)}),
                st.fixed_dictionaries({"probability": st.floats(0, 1)}),
            )
        ),
    )


@given(faults())
def test_the_text_of_a_fault_gives_the_fault_back(fault: Fault) -> None:
    assert parse_fault(str(fault), fault.kind) == fault


@given(st.text(alphabet=string.ascii_letters + "@:#%=*-.0123456789") | st.text())
def test_any_text_is_a_fault_or_a_syntax_error(text: str) -> None:
    with contextlib.suppress(FaultSyntaxError):
        fault = parse_fault(text, "lose")
        assert parse_fault(str(fault), "lose") == fault


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ClientJoinAccepted@to-broker", "lose"),
        ("ClientJoinAccepted@from-broker:torrent-1#2", "lose"),
        ("*@to-broker:tracker%0.25", "duplicate"),
        ("TrackerHello@from-broker=0.5", "delay"),
        ("TrackerHello@from-broker:a:b@c#3=2", "delay"),
    ],
)
def test_a_fault_prints_as_it_was_typed(text: str, kind: Kind) -> None:
    assert str(parse_fault(text, kind)) == text


@pytest.mark.parametrize(
    ("text", "kind", "part", "hint"),
    [
        ("", "lose", "event ''", "ClientJoinAccepted"),
        ("ClientJoinAcepted@to-broker", "lose", "event 'ClientJoinAcepted'", "did you mean ClientJoinAccepted?"),
        ("trackerhello@to-broker", "lose", "event 'trackerhello'", "did you mean TrackerHello?"),
        ("TrackerHello", "lose", "hop ''", "to-broker, from-broker"),
        ("TrackerHello@to-brokr", "lose", "hop 'to-brokr'", "did you mean to-broker?"),
        ("TrackerHello@tracker", "lose", "hop 'tracker'", "to-broker, from-broker"),
        ("TrackerHello@to-broker:", "lose", "client ''", "client id"),
        ("TrackerHello@to-broker#0", "lose", "occurrence 0", "from 1"),
        ("TrackerHello@to-broker#first", "lose", "occurrence 'first'", "from 1"),
        ("TrackerHello@to-broker#", "lose", "occurrence ''", "from 1"),
        ("TrackerHello@to-broker%1.5", "lose", "probability 1.5", "from 0 to 1"),
        ("TrackerHello@to-broker%nan", "lose", "probability nan", "from 0 to 1"),
        ("TrackerHello@to-broker%often", "lose", "probability 'often'", "from 0 to 1"),
        ("TrackerHello@to-broker#1%0.5", "lose", "occurrence 1", "not both"),
        ("TrackerHello@to-broker", "delay", "seconds 0.0", "above 0"),
        ("TrackerHello@to-broker=soon", "delay", "seconds 'soon'", "above 0"),
        ("TrackerHello@to-broker=inf", "delay", "seconds inf", "above 0"),
        ("TrackerHello@to-broker=1", "lose", "seconds 1.0", "no =SECONDS"),
    ],
)
def test_a_bad_text_is_refused_with_the_part_and_the_expectation(text: str, kind: Kind, part: str, hint: str) -> None:
    with pytest.raises(FaultSyntaxError) as caught:
        parse_fault(text, kind)
    assert repr(text) in str(caught.value)
    assert part in str(caught.value)
    assert hint in str(caught.value)


@pytest.mark.parametrize("client", ["a#1", "a%0.5", "a=2"])
def test_a_client_that_would_make_the_text_ambiguous_is_refused(client: str) -> None:
    with pytest.raises(FaultSyntaxError, match="none of the characters"):
        Fault("lose", "*", TO_BROKER, client=client)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(FaultSyntaxError, match="did you mean lose"):
        Fault("loose", "*", TO_BROKER)  # type: ignore[arg-type]


def verdicts(plan: FaultPlan, *asked: tuple[str, Hop, str]) -> list[Verdict]:
    return [plan.decide(*one) for one in asked]


def test_a_fault_strikes_only_its_own_event_hop_and_client() -> None:
    plan = FaultPlan([parse_fault("TrackerHello@to-broker:tracker", "lose")])
    assert verdicts(
        plan,
        ("TrackerHello", TO_BROKER, "tracker"),
        ("TrackerHello", FROM_BROKER, "tracker"),
        ("TrackerHello", TO_BROKER, "torrent-1"),
        ("TrackerGoodbye", TO_BROKER, "tracker"),
        ("TrackerHello", TO_BROKER, "tracker"),
    ) == [LOST, PASSED, PASSED, PASSED, LOST]


def test_any_event_and_any_client() -> None:
    plan = FaultPlan([parse_fault("*@from-broker", "lose")])
    assert verdicts(plan, ("TrackerHello", FROM_BROKER, "a"), ("ClientGoodbye", FROM_BROKER, "b")) == [LOST, LOST]


def test_an_occurrence_counts_what_its_own_fault_matches() -> None:
    plan = FaultPlan([parse_fault("*@to-broker:a#2", "lose"), parse_fault("TrackerHello@to-broker#3", "duplicate")])
    assert verdicts(
        plan,
        ("TrackerHello", TO_BROKER, "a"),
        ("TrackerHello", TO_BROKER, "b"),
        ("TrackerHello", TO_BROKER, "a"),
        ("TrackerHello", TO_BROKER, "a"),
    ) == [PASSED, PASSED, Verdict(lost=True, duplicates=1), PASSED]


def test_who_asks_is_told_of_each_strike() -> None:
    second = parse_fault("*@to-broker:a#2", "lose")
    hello = parse_fault("TrackerHello@to-broker", "duplicate")
    told: list[Fault] = []
    plan = FaultPlan([second, hello], told=told.append)
    verdicts(
        plan, ("TrackerHello", TO_BROKER, "a"), ("ClientGoodbye", TO_BROKER, "a"), ("TrackerHello", TO_BROKER, "a")
    )
    assert told == [hello, second, hello]


def test_duplicates_and_delays_add_up() -> None:
    texts: list[tuple[str, Kind]] = [
        ("*@to-broker", "duplicate"),
        ("TrackerHello@to-broker", "duplicate"),
        ("*@to-broker=0.5", "delay"),
        ("*@to-broker:a=2", "delay"),
    ]
    plan = FaultPlan(parse_fault(text, kind) for text, kind in texts)
    assert plan.decide("TrackerHello", TO_BROKER, "a") == Verdict(duplicates=2, delay=2.5)


def drawn(seed: int, *texts: str) -> list[bool]:
    plan = FaultPlan([parse_fault(text, "lose") for text in texts], seed=seed)
    return [plan.decide("TrackerHello", TO_BROKER, "a").lost for _ in range(200)]


def test_chance_is_repeatable_with_the_same_seed() -> None:
    first = drawn(1, "*@to-broker%0.5")
    assert first == drawn(1, "*@to-broker%0.5")
    assert first != drawn(2, "*@to-broker%0.5")
    assert 50 < sum(first) < 150
    assert first[:8] == [False, False, True, False, True, False, False, True]  # on any machine and Python


def test_the_chance_of_a_fault_depends_on_no_other_fault() -> None:
    assert drawn(1, "*@to-broker%0.5") == drawn(1, "*@to-broker%0.5", "*@from-broker%0.5", "TrackerGoodbye@to-broker")


def test_probability_nought_never_strikes_and_one_always_does() -> None:
    assert not any(drawn(0, "*@to-broker%0"))
    assert all(drawn(0, "*@to-broker%1"))


def test_a_fault_that_was_never_injected_is_reported() -> None:
    never = [parse_fault("TrackerGoodbye@to-broker", "lose"), parse_fault("TrackerHello@to-broker#2", "lose")]
    plan = FaultPlan([parse_fault("TrackerHello@to-broker", "lose"), *never])
    plan.decide("TrackerHello", TO_BROKER, "a")
    assert plan.unused() == tuple(never)
    plan.decide("TrackerHello", TO_BROKER, "a")
    assert plan.unused() == (never[0],)


def test_an_empty_plan_lets_everything_pass() -> None:
    assert FaultPlan().decide("TrackerHello", TO_BROKER, "a") == PASSED
    assert FaultPlan().unused() == ()


# Faults on a live broker.


@pytest.mark.parametrize("qos", [0, 1, 2])
@live
async def test_an_event_lost_on_its_way_in_reaches_nobody(qos: int) -> None:
    told, one, two = await play(plan("lose", "TrackerHello@to-broker:tracker#2"), b"1", b"2", b"3", qos=qos)
    assert one == two == [b"1", b"3"]
    assert ("lost to broker", "tracker", HELLO, b"2") in told.log
    assert ("received", "tracker", HELLO, b"2") not in told.log


@pytest.mark.parametrize("qos", [0, 1, 2])
@live
async def test_an_event_lost_on_its_way_out_misses_one_subscriber(qos: int) -> None:
    told, one, two = await play(plan("lose", "TrackerHello@from-broker:one#1"), b"1", b"2", qos=qos)
    assert (one, two) == ([b"2"], [b"1", b"2"])
    assert hellos(told)[:3] == [
        ("received", "tracker", HELLO, b"1"),
        ("lost from broker", HELLO, b"1", "one"),
        ("forwarded", HELLO, b"1", "two"),
    ]


@pytest.mark.parametrize("qos", [0, 1, 2])
@live
async def test_an_event_duplicated_on_its_way_in_is_handled_twice(qos: int) -> None:
    told, one, two = await play(plan("duplicate", "TrackerHello@to-broker#1"), b"1", b"2", qos=qos)
    assert one == two == [b"1", b"1", b"2"]
    assert hellos(told)[:6] == 2 * [
        ("received", "tracker", HELLO, b"1"),
        ("forwarded", HELLO, b"1", "one"),
        ("forwarded", HELLO, b"1", "two"),
    ]


@pytest.mark.parametrize("qos", [0, 1, 2])
@live
async def test_an_event_duplicated_on_its_way_out_comes_twice_to_one(qos: int) -> None:
    told, one, two = await play(plan("duplicate", "TrackerHello@from-broker:one#1"), b"1", b"2", qos=qos)
    assert (one, two) == ([b"1", b"1", b"2"], [b"1", b"2"])
    assert hellos(told).count(("received", "tracker", HELLO, b"1")) == 1


@pytest.mark.parametrize(
    ("fault", "one_gets", "two_gets"),
    [
        ("TrackerHello@to-broker=0.05", [b"2", b"3", b"1"], [b"2", b"3", b"1"]),
        ("TrackerHello@from-broker:one=0.05", [b"2", b"3", b"1"], [b"1", b"2", b"3"]),
    ],
)
@live
async def test_a_delayed_event_comes_later_the_others_in_order(
    fault: str, one_gets: list[bytes], two_gets: list[bytes]
) -> None:
    told = Told()
    async with (
        EmbeddedBroker(faults=plan("delay", fault), observer=told) as broker,
        client(broker, "one") as one,
        client(broker, "two") as two,
    ):
        for subscriber in (one, two):
            await subscriber.subscribe("#")
        said = ((HELLO, b"1"), (GOODBYE, b"2"), (GOODBYE, b"3"))
        tracker = await dial(broker, connect_packet("tracker"), *(publish_packet(*what) for what in said))
        assert await take(one, 3) == one_gets
        assert await take(two, 3) == two_gets
        await hang_up(tracker)
    assert told.log.index(("received", "tracker", GOODBYE, b"2")) < told.log.index(("forwarded", HELLO, b"1", "one"))


@live
async def test_an_event_delayed_beyond_the_connection_is_lost() -> None:
    told = Told()
    faults = plan("delay", "TrackerHello@from-broker:one=0.05")
    async with EmbeddedBroker(faults=faults, observer=told) as broker:
        packets = (connect_packet("one"), packet(0x82, HELLO, head=b"\0\1", payload=b"\0"))
        one = await dial(broker, *packets)
        await told.until("subscribed", "one", HELLO, True)
        one.write(publish_packet(HELLO, b"1") + DISCONNECT)
        await told.until("lost from broker", HELLO, b"1", "one")
        await hang_up(one)


@live
async def test_topics_without_an_event_pass_without_faults() -> None:
    faults = plan("lose", "*@to-broker", "*@from-broker")
    async with EmbeddedBroker(faults=faults) as broker, client(broker, "a") as a:
        await a.subscribe("#")
        await a.publish(HELLO, b"1")
        await a.publish(END, b"2")
        assert await take(a, 1) == [b"2"]
