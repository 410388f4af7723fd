"""The MQTT broker: the lifeline `Broker` of the reference diagram.

Three concerns, in parallel regions. *Sessions*: a client connects and disconnects (MQTT 3.1.1, 3.1, 3.2, 3.14).
*Subscriptions*: it asks for the events of a topic (3.8, 3.9). *Delivery*: each event that the broker takes over from
one client (the reference diagram: "PUBLISH clients/join/requested (ClientJoinRequested Event)" towards the broker) it
passes on to every session with a subscription to its topic (the same arrow away from the broker), in order for each
receiver.

Sessions are clean: what a client has subscribed to, and what was to be sent to it, ends with its connection. A will
that came with CONNECT is passed on like an event of its client when the connection breaks, also when that is because
the client connects once more; DISCONNECT discards it. QoS is a matter of the hop below an arrow, and does not show
here. At run time this chart follows the real broker, told by its hooks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from immutabledict import immutabledict
from statemachine import Event, State

from machines.calls import CONNACK, CONNECT, DISCONNECT, SUBACK, SUBSCRIBE, ConnectionLost
from machines.events import BUS_EVENTS, BusEvent
from machines.participant import Output, Participant, actions, ignore
from machines.records import replace


@dataclass(frozen=True, slots=True)
class BrokerData:
    """Sessions with their topics, and what has to be sent: CONNACKs, SUBACKs, and events to pass on, oldest first."""

    sessions: Mapping[str, frozenset[str]] = field(default_factory=immutabledict)
    connacks: tuple[str, ...] = ()
    subacks: tuple[tuple[str, str], ...] = ()
    outbox: tuple[tuple[str, BusEvent], ...] = ()
    wills: Mapping[str, BusEvent] = field(default_factory=immutabledict)
    """What each client left with CONNECT, if anything."""


def taking_over(quiet: State, forwarding: State, name: str) -> Event:
    """`?name`: an event comes in, to be passed on to every session with a subscription to its topic."""
    return Event(
        quiet.to(forwarding, cond=["has_session", "is_wanted"], on="take_over")
        | quiet.to.itself(cond="has_session", unless="is_wanted")
        | forwarding.to.itself(cond="has_session", on="take_over"),
        name=f"?{name}",
    )


def passing_on(quiet: State, forwarding: State, name: str) -> Event:
    """`!name`: an event goes out to one of those sessions."""
    return Event(
        forwarding.to(quiet, cond="is_last_delivery", on="passed_on")
        | forwarding.to.itself(unless="is_last_delivery", on="passed_on"),
        name=f"!{name}",
    )


def closing(sessions: Any, subscriptions: Any, delivery: Any, name: str) -> Event:
    """`?name`: a session ends by its client's word, and with it all that is pending for that client."""
    return Event(
        sessions.listening.to.itself(cond="is_known", on="close_session")
        | sessions.accepting.to(sessions.listening, cond="are_all_connacks_its", on="close_session")
        | sessions.accepting.to.itself(cond="is_known", unless="are_all_connacks_its", on="close_session")
        | subscriptions.acknowledging.to(subscriptions.settled, cond="are_all_subacks_its")
        | delivery.forwarding.to(delivery.quiet, cond="are_all_deliveries_its"),
        name=f"?{name}",
    )


def breaking(sessions: Any, subscriptions: Any, delivery: Any, name: str) -> Event:
    """`?name`: a session ends without a word, and its client's will is passed on."""
    return Event(
        sessions.listening.to.itself(cond="is_known", on="break_session")
        | sessions.accepting.to(sessions.listening, cond="are_all_connacks_its", on="break_session")
        | sessions.accepting.to.itself(cond="is_known", unless="are_all_connacks_its", on="break_session")
        | subscriptions.acknowledging.to(subscriptions.settled, cond="are_all_subacks_its")
        | delivery.quiet.to(delivery.forwarding, cond="is_will_wanted")
        | delivery.forwarding.to(delivery.quiet, cond="are_all_deliveries_its", unless="is_will_wanted"),
        name=f"?{name}",
    )


class Broker(Participant):
    """Accepts sessions and subscriptions, and passes events on."""

    data: BrokerData
    inputs = (CONNECT, SUBSCRIBE, DISCONNECT, ConnectionLost, *BUS_EVENTS)
    rules = (
        ignore(
            CONNECT,
            DISCONNECT,
            ConnectionLost,
            states="subscriptions delivery",
            because="nothing here is owed to its sender",
        ),
        ignore(SUBSCRIBE, DISCONNECT, ConnectionLost, *BUS_EVENTS, because="its sender has no session (any more)"),
    )

    class serving(State.Parallel):  # noqa: N801 - a state
        """The three concerns."""

        class sessions(State.Compound):  # noqa: N801
            """Who is connected."""

            listening = State(initial=True)
            accepting = State()

        class subscriptions(State.Compound):  # noqa: N801
            """Who wants which topic."""

            settled = State(initial=True)
            acknowledging = State()

        class delivery(State.Compound):  # noqa: N801
            """What is to be passed on."""

            quiet = State(initial=True)
            forwarding = State()

        recv_connect = Event(
            sessions.listening.to(sessions.accepting, on="open_session")
            | sessions.accepting.to.itself(on="open_session")
            | subscriptions.acknowledging.to(subscriptions.settled, cond="are_all_subacks_its")
            | delivery.quiet.to(delivery.forwarding, cond="is_will_wanted")
            | delivery.forwarding.to(delivery.quiet, cond="are_all_deliveries_its", unless="is_will_wanted"),
            name="?CONNECT",
        )
        send_connack = Event(
            sessions.accepting.to(sessions.listening, cond="is_last_connack", on="answer_connect")
            | sessions.accepting.to.itself(unless="is_last_connack", on="answer_connect"),
            name="!CONNACK",
        )
        recv_subscribe = Event(
            subscriptions.settled.to(subscriptions.acknowledging, cond="has_session", on="note_subscription")
            | subscriptions.acknowledging.to.itself(cond="has_session", on="note_subscription"),
            name="?SUBSCRIBE",
        )
        send_suback = Event(
            subscriptions.acknowledging.to(subscriptions.settled, cond="is_last_suback", on="answer_subscribe")
            | subscriptions.acknowledging.to.itself(unless="is_last_suback", on="answer_subscribe"),
            name="!SUBACK",
        )
        recv_disconnect = closing(sessions, subscriptions, delivery, "DISCONNECT")
        recv_connection_lost = breaking(sessions, subscriptions, delivery, "ConnectionLost")

        recv_tracker_hello = taking_over(delivery.quiet, delivery.forwarding, "TrackerHello")
        send_tracker_hello = passing_on(delivery.quiet, delivery.forwarding, "TrackerHello")
        recv_tracker_goodbye = taking_over(delivery.quiet, delivery.forwarding, "TrackerGoodbye")
        send_tracker_goodbye = passing_on(delivery.quiet, delivery.forwarding, "TrackerGoodbye")
        recv_client_join_requested = taking_over(delivery.quiet, delivery.forwarding, "ClientJoinRequested")
        send_client_join_requested = passing_on(delivery.quiet, delivery.forwarding, "ClientJoinRequested")
        recv_client_join_accepted = taking_over(delivery.quiet, delivery.forwarding, "ClientJoinAccepted")
        send_client_join_accepted = passing_on(delivery.quiet, delivery.forwarding, "ClientJoinAccepted")
        recv_client_join_denied = taking_over(delivery.quiet, delivery.forwarding, "ClientJoinDenied")
        send_client_join_denied = passing_on(delivery.quiet, delivery.forwarding, "ClientJoinDenied")
        recv_client_join_succeeded = taking_over(delivery.quiet, delivery.forwarding, "ClientJoinSucceeded")
        send_client_join_succeeded = passing_on(delivery.quiet, delivery.forwarding, "ClientJoinSucceeded")
        recv_client_join_failed = taking_over(delivery.quiet, delivery.forwarding, "ClientJoinFailed")
        send_client_join_failed = passing_on(delivery.quiet, delivery.forwarding, "ClientJoinFailed")
        recv_client_registered = taking_over(delivery.quiet, delivery.forwarding, "ClientRegistered")
        send_client_registered = passing_on(delivery.quiet, delivery.forwarding, "ClientRegistered")
        recv_client_goodbye = taking_over(delivery.quiet, delivery.forwarding, "ClientGoodbye")
        send_client_goodbye = passing_on(delivery.quiet, delivery.forwarding, "ClientGoodbye")
        recv_file_info_published = taking_over(delivery.quiet, delivery.forwarding, "FileInfoPublished")
        send_file_info_published = passing_on(delivery.quiet, delivery.forwarding, "FileInfoPublished")
        recv_fragment_distribution_started = taking_over(
            delivery.quiet, delivery.forwarding, "FragmentDistributionStarted"
        )
        send_fragment_distribution_started = passing_on(
            delivery.quiet, delivery.forwarding, "FragmentDistributionStarted"
        )
        recv_fragment_distribution_delivered = taking_over(
            delivery.quiet, delivery.forwarding, "FragmentDistributionDelivered"
        )
        send_fragment_distribution_delivered = passing_on(
            delivery.quiet, delivery.forwarding, "FragmentDistributionDelivered"
        )
        recv_fragment_distribution_ended = taking_over(delivery.quiet, delivery.forwarding, "FragmentDistributionEnded")
        send_fragment_distribution_ended = passing_on(delivery.quiet, delivery.forwarding, "FragmentDistributionEnded")
        recv_fragment_distribution_requested = taking_over(
            delivery.quiet, delivery.forwarding, "FragmentDistributionRequested"
        )
        send_fragment_distribution_requested = passing_on(
            delivery.quiet, delivery.forwarding, "FragmentDistributionRequested"
        )
        recv_fragment_distribution_obtained = taking_over(
            delivery.quiet, delivery.forwarding, "FragmentDistributionObtained"
        )
        send_fragment_distribution_obtained = passing_on(
            delivery.quiet, delivery.forwarding, "FragmentDistributionObtained"
        )
        recv_fragment_distribution_failed = taking_over(
            delivery.quiet, delivery.forwarding, "FragmentDistributionFailed"
        )
        send_fragment_distribution_failed = passing_on(
            delivery.quiet, delivery.forwarding, "FragmentDistributionFailed"
        )

    def __init__(self, data: BrokerData | None = None) -> None:
        super().__init__(data or BrokerData())

    # Guards.

    def has_session(self, sender: str) -> bool:
        """Whether the sender is connected."""
        return sender in self.data.sessions

    def is_known(self, sender: str) -> bool:
        """Whether the sender is connected, or has asked to be."""
        return sender in self.data.sessions or sender in self.data.connacks

    def is_wanted(self, message: BusEvent) -> bool:
        """Whether anybody has subscribed to the topic of an event."""
        return any(message.topic in topics for topics in self.data.sessions.values())

    def is_last_connack(self) -> bool:
        """Whether no other client awaits its CONNACK."""
        return len(self.data.connacks) == 1

    def is_last_suback(self) -> bool:
        """Whether no other SUBACK is pending."""
        return len(self.data.subacks) == 1

    def is_last_delivery(self) -> bool:
        """Whether nothing else is to be passed on."""
        return len(self.data.outbox) == 1

    def are_all_connacks_its(self, sender: str) -> bool:
        """Whether all pending CONNACKs are for the sender."""
        return all(client == sender for client in self.data.connacks)

    def are_all_subacks_its(self, sender: str) -> bool:
        """Whether all pending SUBACKs are for the sender."""
        return all(client == sender for client, _ in self.data.subacks)

    def are_all_deliveries_its(self, sender: str) -> bool:
        """Whether all pending events are for the sender."""
        return all(client == sender for client, _ in self.data.outbox)

    def is_will_wanted(self, sender: str) -> bool:
        """Whether the sender has left a will that anybody else has subscribed to."""
        will = self.data.wills.get(sender) if sender in self.data.sessions else None
        others = (topics for client, topics in self.data.sessions.items() if client != sender)
        return will is not None and any(will.topic in topics for topics in others)

    # What a transition changes.

    def open_session(self, message: CONNECT, sender: str) -> None:
        """Owe a CONNACK; an earlier session of the same client ends (MQTT 3.1.1, 3.1.4)."""
        self.break_session(sender)
        wills = self.data.wills if message.will is None else immutabledict({**self.data.wills, sender: message.will})
        self.data = replace(self.data, connacks=(*self.data.connacks, sender), wills=wills)

    def answer_connect(self, message: CONNACK, to: str) -> None:
        """Begin the session, unless it is refused."""
        sessions = {**self.data.sessions, to: frozenset[str]()} if message.accepted else self.data.sessions
        connacks = tuple(client for client in self.data.connacks if client != to)
        self.data = replace(self.data, sessions=immutabledict(sessions), connacks=connacks)

    def note_subscription(self, message: SUBSCRIBE, sender: str) -> None:
        """Owe a SUBACK."""
        self.data = replace(self.data, subacks=(*self.data.subacks, (sender, message.topic)))

    def answer_subscribe(self, message: SUBACK, to: str) -> None:
        """Begin the subscription, unless it is refused."""
        topics = self.data.sessions[to] | ({message.topic} if message.accepted else set())
        subacks = list(self.data.subacks)
        subacks.remove((to, message.topic))
        sessions = immutabledict({**self.data.sessions, to: topics})
        self.data = replace(self.data, sessions=sessions, subacks=tuple(subacks))

    def close_session(self, sender: str) -> None:
        """Forget a client: its subscriptions, and all that is pending for it."""
        self.data = BrokerData(
            sessions=immutabledict({c: t for c, t in self.data.sessions.items() if c != sender}),
            connacks=tuple(client for client in self.data.connacks if client != sender),
            subacks=tuple(owed for owed in self.data.subacks if owed[0] != sender),
            outbox=tuple(owed for owed in self.data.outbox if owed[0] != sender),
            wills=immutabledict({client: will for client, will in self.data.wills.items() if client != sender}),
        )

    def break_session(self, sender: str) -> None:
        """Forget a client; its will is now to be passed on to every other session with a subscription to its topic."""
        will = self.data.wills.get(sender) if sender in self.data.sessions else None
        self.close_session(sender)
        if will is not None:
            self.take_over(will)

    def take_over(self, message: BusEvent) -> None:
        """Owe an event to every session with a subscription to its topic."""
        receivers = sorted(client for client, topics in self.data.sessions.items() if message.topic in topics)
        self.data = replace(self.data, outbox=(*self.data.outbox, *((client, message) for client in receivers)))

    def passed_on(self, message: BusEvent, to: str) -> None:
        """An event went out."""
        outbox = list(self.data.outbox)
        outbox.remove((to, message))
        self.data = replace(self.data, outbox=tuple(outbox))

    # What is due.

    def compose_connack(self) -> tuple[Output, ...]:
        """A CONNACK for each client that asked; a broker may also refuse."""
        return tuple(
            Output(CONNACK(accepted=accepted), client) for accepted in (True, False) for client in self.data.connacks
        )

    def compose_suback(self) -> tuple[Output, ...]:
        """A SUBACK for each subscription asked for; a broker may also refuse."""
        return tuple(
            Output(SUBACK(topic=topic, accepted=accepted), client)
            for accepted in (True, False)
            for client, topic in self.data.subacks
        )

    def compose(self, event: str) -> tuple[Output, ...]:
        """CONNACKs and SUBACKs as below; of the bus events, the oldest for each receiver."""
        if event in {"send_connack", "send_suback"}:
            return super().compose(event)
        oldest: dict[str, BusEvent] = {}
        for client, owed in self.data.outbox:
            oldest.setdefault(client, owed)
        label = {event: label for label, event in actions(type(self)).items()}[event]
        return tuple(Output(owed, client) for client, owed in oldest.items() if label == f"!{type(owed).__name__}")
