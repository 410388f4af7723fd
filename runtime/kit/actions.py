"""What the kit's partners can do, one action each; the obligations' cases and the random ones are made of them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from uuid import uuid4

from immutabledict import immutabledict

from machines.events import (
    TRACKER,
    BusEvent,
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinRequested,
    ClientJoinSucceeded,
    ClientMetadata,
    ClientRegistered,
    FileInfoPublished,
    FileMetadata,
    ReasonCode,
    TrackerHello,
)
from machines.tracker import TRACKER_ID
from runtime.kit.playing import PARTNER, REGISTERED, Play

OTHER = "somebody-else"
FILE_OF_OTHER, A_FILE = f"file-of-{OTHER}", "a-file"
"""Files that the kit's tracker tells of."""
GARBAGE = (b"", b"{", b"[]", b'{"EventId": 7}', b"\xff\xfe", b'{"EventId":"3f2504e0-4f89-41d3-9a0c-0305e82c3301"')

Action = Callable[[Play], Awaitable[None]]


async def begin(play: Play) -> None:
    """The server under test starts, and its partners are there."""
    if play.bench.settings.role == TRACKER:
        await play.start()
        if play.bench.settings.command:
            await play.expect("TrackerHello", play.bench.settings.startup, is_first=True)
        for client in (PARTNER, REGISTERED):
            await play.partner(client)
        return
    play.tracker_partner = await play.bench.partner(TRACKER_ID, TRACKER)
    if not play.bench.settings.command:
        await play.tracker_says("TrackerHello")
    await play.start()
    await play.expect("ClientJoinRequested", play.bench.settings.startup, is_first=True)


async def tells(play: Play, event: BusEvent) -> None:
    """Publish an event as the kit's tracker, which the case must have (`play.tracker_partner`)."""
    assert play.tracker_partner is not None
    await play.tracker_partner.publish(event)


async def accepts(play: Play) -> None:
    """The kit's tracker accepts the latest request."""
    await play.tracker_says("ClientJoinAccepted")


async def registers(play: Play) -> None:
    """The kit's tracker registers the server under test, if it has accepted that."""
    client = play.bench.settings.subject
    if client in play.tracker.view.admissions:
        await play.tracker_says("ClientRegistered")


async def denies(play: Play) -> None:
    """The kit's tracker denies the latest request."""
    await play.tracker_says("ClientJoinDenied")


async def says_hello(play: Play) -> None:
    """The kit's tracker says hello, which begins a new round."""
    await play.tracker_says("TrackerHello")


async def says_goodbye(play: Play) -> None:
    """The kit's tracker says goodbye."""
    await play.tracker_says("TrackerGoodbye")


async def accepts_another(play: Play) -> None:
    """The kit's tracker accepts a client that is not there."""
    await tells(play, ClientJoinAccepted(client=OTHER, fragment_size=play.tracker.view.fragment_size or 1))


async def denies_another(play: Play) -> None:
    """The kit's tracker denies a client that is not there."""
    await tells(play, ClientJoinDenied(client=OTHER, reason_code=ReasonCode.OTHER))


async def registers_another(play: Play) -> None:
    """The kit's tracker registers a client that is not there, and that brings a file."""
    files = immutabledict({FILE_OF_OTHER: FileMetadata(3, ("x",))})
    info = ClientMetadata(frozenset({f"http://{OTHER}.invalid/"}))
    await tells(play, ClientRegistered(client=OTHER, info=info, added_files=files))


async def asks_with_the_news(play: Play) -> ClientJoinRequested:
    """After a hello it asks anew, and tells of what `registers_another` brought; raises `Over` if it does not."""
    await says_hello(play)
    got = await play.expect("ClientJoinRequested", play.bench.settings.patience)
    assert isinstance(got, ClientJoinRequested)
    if FILE_OF_OTHER not in got.known_file_infos:
        play.refuse(got, f"does not tell of {FILE_OF_OTHER!r}, which another client brought while it was registered")
    return got


async def another_leaves(play: Play) -> None:
    """Another client says goodbye."""
    await tells(play, ClientGoodbye(client=OTHER))


async def tells_of_a_file(play: Play) -> None:
    """The kit's tracker publishes the metadata of a file."""
    await tells(play, FileInfoPublished(hash=A_FILE, size=3, fragment_sequence=("y",)))


async def says_hello_twice(play: Play) -> None:
    """The kit's tracker begins a new round, and publishes one hello twice, with one `EventId`."""
    play.tracker.restart()
    hello = TrackerHello(event_id=str(uuid4()))
    await tells(play, hello)
    await tells(play, hello)


async def publishes_garbage(play: Play) -> None:
    """Somebody publishes what is no event, on topics that the server under test reads."""
    partner = play.tracker_partner
    topics = (TrackerHello.topic, ClientJoinAccepted.topic, ClientRegistered.topic)
    if partner is None:
        partner, _ = await play.partner(PARTNER)
        topics = (ClientJoinRequested.topic, ClientJoinSucceeded.topic, ClientGoodbye.topic)
    for topic in topics:
        for payload in GARBAGE:
            await partner.publish_raw(topic, payload)


def by(client: str, event: str) -> Action:
    """That a torrent server of the kit publishes such an event."""

    async def act(play: Play) -> None:
        partner, answers = await play.partner(client)
        await partner.publish(answers.ask() if event == "ClientJoinRequested" else answers.say(event))

    return act


async def asks_in_vain(play: Play) -> None:
    """One asks for what no service grants."""
    partner, answers = await play.partner(PARTNER)
    await partner.publish(answers.ask(conflicts=True))


async def asks_twice(play: Play) -> None:
    """One request is delivered twice."""
    partner, answers = await play.partner(REGISTERED)
    request = replace(answers.ask(), event_id=str(uuid4()))
    await partner.publish(request)
    await partner.publish(request)


async def asks_for_the_same_endpoint(play: Play) -> None:
    """One offers the endpoint of another."""
    partner, answers = await play.partner(PARTNER)
    _, other = await play.partner(REGISTERED)
    await partner.publish(replace(answers.ask(), endpoints=other.request.endpoints))


ACTIONS: Mapping[str, Mapping[str, Action]] = {
    "torrent": {
        "accept": accepts,
        "accept it once more": accepts,
        "register": registers,
        "register it if accepted": registers,
        "deny": denies,
        "hello": says_hello,
        "hello twice": says_hello_twice,
        "goodbye": says_goodbye,
        "accept another": accepts_another,
        "deny another": denies_another,
        "register another": registers_another,
        "another leaves": another_leaves,
        "a file": tells_of_a_file,
        "garbage": publishes_garbage,
    },
    "tracker": {
        "first asks": by(PARTNER, "ClientJoinRequested"),
        "second asks": by(REGISTERED, "ClientJoinRequested"),
        "first confirms": by(PARTNER, "ClientJoinSucceeded"),
        "second confirms": by(REGISTERED, "ClientJoinSucceeded"),
        "first fails": by(PARTNER, "ClientJoinFailed"),
        "second leaves": by(REGISTERED, "ClientGoodbye"),
        "first leaves": by(PARTNER, "ClientGoodbye"),
        "first asks in vain": asks_in_vain,
        "second asks twice": asks_twice,
        "first asks for the second's endpoint": asks_for_the_same_endpoint,
        "garbage": publishes_garbage,
    },
}
"""What can happen at random, by role."""
