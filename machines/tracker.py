"""The MQTT client of the tracker server: the lifeline `Tracker` of the reference diagram.

*Starting*: a new round begins with nobody registered; it connects, subscribes, topic by topic in any order, and
publishes TrackerHello. *Serving*: it awaits requests while no admission is pending, and confirmations (and requests)
while at least one is. For a request it asks its view whether the client can join, sets a timeout for this client, and
publishes ClientJoinAccepted (the reference diagram, lines 30 to 40); or, where conflicts were found, ClientJoinDenied
(lines 43 to 48). An accepted admission is pending, and ends in one of three ways: ClientJoinSucceeded registers the
client, ClientJoinFailed and "Timeout exceeded." (line 55) make the tracker forget it. Admissions are concurrent: each
has its own timeout, and their steps mix freely. Where a request has a name (`request_id`), the answers and the
registration carry it, and a confirmation or failure that names another request is none of the pending admission's.
*Leaving*: it says goodbye and disconnects.

*Hardened*: a tracker that is given a `session` hears the hellos of trackers, its own among them, in the order in which
the broker passes them on, to itself as to everybody. It serves from its own hello on: what comes before is not for it,
and whoever hears its hello asks anew. With the hello of another one the service has a new tracker, whom everybody
follows: it disconnects, without a goodbye. So no request is for two trackers. One whose own hello is lost on its way
back does not know who came after it, and does not serve: its owner connects it again. What it tells torrent servers
names its session: they skip what comes from a tracker that they do not follow.

Whatever a request, a confirmation or an expiry makes it do, it does to the end before it reads the next event; that
takes calls inside the server and publications, never a wait for the bus.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from immutabledict import immutabledict
from statemachine import Event, State

from machines.calls import (
    CONNACK,
    SUBACK,
    CheckJoin,
    ConnectionFailed,
    ConnectionLost,
    ForgetAdmission,
    ForgetClients,
    JoinConflicts,
    JoinPossible,
    PublishFailed,
    RegisterClient,
    RegistrationApplied,
    RemoveClient,
    SetTimeout,
    Start,
    Stop,
    StopTimeout,
    SubscriptionFailed,
    TimeoutExceeded,
    Timer,
)
from machines.events import (
    BUS_EVENTS,
    TOPICS_OF,
    TORRENT,
    AttemptEvent,
    ClientEvent,
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinFailed,
    ClientJoinRequested,
    ClientJoinSucceeded,
    ClientRegistered,
    FragmentDistributionFailed,
    FragmentDistributionObtained,
    FragmentDistributionRequested,
    TrackerGoodbye,
    TrackerHello,
)
from machines.participant import Output, ignore, impossible
from machines.records import replace
from machines.rules import belongs
from machines.session import MqttClient, SessionData

TOPICS = TOPICS_OF[TORRENT]
"""What a tracker subscribes to: all that torrent servers publish."""
OF_RIVALS = frozenset({TrackerHello.topic})
"""What one that is hardened subscribes to besides: the hellos of trackers."""
HARDENED_TOPICS = TOPICS | OF_RIVALS
"""What one that is hardened subscribes to."""
TRACKER_ID = "tracker"
"""The MQTT client identifier of a tracker where nobody says another one."""


@dataclass(frozen=True, slots=True)
class TrackerData(SessionData):
    """Who it is, the pending admissions, and what it needs for the step that is due."""

    pending: frozenset[str] = frozenset()
    attempts: Mapping[str, int] = field(default_factory=immutabledict)
    """How often each client has been admitted: the number of its latest timeout."""
    requests: Mapping[str, str] = field(default_factory=immutabledict)
    """`event_id` of the latest request of each client."""
    current: ClientEvent | JoinConflicts | None = None
    """What is being worked on: a request, the answer to it, or the news of a client."""
    names: Mapping[str, str] = field(default_factory=immutabledict)
    """`request_id` of the request of each pending admission, where it has one."""
    session: str = ""
    """What its hello says, so that it knows it from another tracker's. Empty: it does not listen to any."""

    def timer(self, client: str) -> Timer:
        """The latest timeout of a client."""
        return Timer(client, self.attempts.get(client, 0))

    def without(self, client: str) -> "TrackerData":
        """No admission of this client is pending."""
        names = immutabledict({other: name for other, name in self.names.items() if other != client})
        return replace(self, pending=self.pending - {client}, names=names)


def next_event(state: State, serving: Any, on: str | None = None) -> Any:
    """Transitions from `state` to where `serving` awaits the next event: with pending admissions, or without."""
    return state.to(serving.awaiting_requests, unless="is_any_pending", on=on) | state.to(
        serving.awaiting_confirmations, cond="is_any_pending", on=on
    )


class Tracker(MqttClient):
    """Admits clients, registers them, and tells everybody."""

    data: TrackerData
    topics = TOPICS

    offline = State(initial=True)

    class running(State.Compound):  # noqa: N801 - a state
        """From the owner's order to start until the connection ends."""

        class starting(State.Compound):  # noqa: N801
            """Tracker Server startup."""

            forgetting_clients = State(initial=True)
            connecting = State()
            awaiting_connack = State()
            subscribing = State()
            awaiting_subacks = State()
            announcing_itself = State()
            awaiting_its_hello = State()

        class serving(State.Compound):  # noqa: N801
            """Client Join, for any number of clients at once."""

            awaiting_requests = State(initial=True)
            awaiting_confirmations = State()
            superseding = State()
            checking = State()
            awaiting_verdict = State()
            setting_timeout = State()
            accepting = State()
            denying = State()
            stopping_timeout = State()
            registering = State()
            awaiting_registration = State()
            announcing_client = State()
            stopping_timeout_of_failure = State()
            forgetting = State()
            stopping_timeout_of_leaver = State()
            removing_client = State()

        class leaving(State.Compound):  # noqa: N801
            """Tracker goodbye."""

            stopping_timeouts = State()
            saying_goodbye = State()
            disconnecting = State(initial=True)

        # Startup.

        send_forget_clients = Event(starting.forgetting_clients.to(starting.connecting), name="!ForgetClients")
        send_connect = Event(starting.connecting.to(starting.awaiting_connack), name="!CONNECT")
        send_subscribe = Event(
            starting.subscribing.to(starting.awaiting_subacks, cond="is_last_subscribe", on="note_subscribed")
            | starting.subscribing.to.itself(unless="is_last_subscribe", on="note_subscribed"),
            name="!SUBSCRIBE",
        )
        recv_suback = Event(
            starting.subscribing.to(leaving.disconnecting, unless="is_granted")
            | starting.subscribing.to.itself(cond="is_granted", on="note_acknowledged")
            | starting.awaiting_subacks.to(leaving.disconnecting, unless="is_granted")
            | starting.awaiting_subacks.to(
                starting.announcing_itself, cond=["is_granted", "is_last_suback"], on="note_acknowledged"
            )
            | starting.awaiting_subacks.to.itself(cond="is_granted", unless="is_last_suback", on="note_acknowledged"),
            name="?SUBACK",
        )
        recv_subscription_failed = Event(
            starting.subscribing.to(leaving.disconnecting) | starting.awaiting_subacks.to(leaving.disconnecting),
            name="?SubscriptionFailed",
        )
        send_tracker_hello = Event(
            starting.announcing_itself.to(starting.awaiting_its_hello, cond="is_hardened")
            | starting.announcing_itself.to(serving.awaiting_requests, unless="is_hardened"),
            name="!TrackerHello",
        )
        recv_publish_failed = Event(
            starting.awaiting_its_hello.to(leaving.disconnecting, cond="is_hello")
            | serving.awaiting_requests.to(leaving.disconnecting, cond="is_hello")
            | serving.awaiting_confirmations.to(leaving.disconnecting, cond="is_hello"),
            name="?PublishFailed",
        )

        recv_tracker_hello = Event(
            starting.awaiting_its_hello.to(serving.awaiting_requests, cond="is_its_own")
            | serving.awaiting_requests.to(leaving.disconnecting, cond="is_successors")
            | serving.awaiting_confirmations.to(leaving.disconnecting, cond="is_successors"),
            name="?TrackerHello",
        )

        # A client asks to join. Its earlier attempt, if one is pending, is superseded.

        recv_client_join_requested = Event(
            serving.awaiting_requests.to(serving.checking, unless="is_repeated", on="note_request")
            | serving.awaiting_confirmations.to(
                serving.checking, unless=["is_repeated", "is_pending"], on="note_request"
            )
            | serving.awaiting_confirmations.to(
                serving.superseding, cond="is_pending", unless="is_repeated", on="note_request"
            ),
            name="?ClientJoinRequested",
        )
        send_check_join = Event(serving.checking.to(serving.awaiting_verdict), name="!CheckJoin")
        recv_join_possible = Event(
            serving.awaiting_verdict.to(serving.setting_timeout, on="note_admission"), name="?JoinPossible"
        )
        recv_join_conflicts = Event(
            serving.awaiting_verdict.to(serving.denying, on="note_conflicts"), name="?JoinConflicts"
        )
        send_set_timeout = Event(serving.setting_timeout.to(serving.accepting), name="!SetTimeout")
        send_client_join_accepted = Event(
            serving.accepting.to(serving.awaiting_confirmations, on="forget_current"), name="!ClientJoinAccepted"
        )
        send_client_join_denied = Event(
            next_event(serving.denying, serving, on="forget_current"), name="!ClientJoinDenied"
        )

        # A pending admission ends.

        recv_client_join_succeeded = Event(
            serving.awaiting_confirmations.to(
                serving.stopping_timeout, cond="is_pending", unless="is_of_earlier_attempt", on="end_admission"
            ),
            name="?ClientJoinSucceeded",
        )
        send_register_client = Event(serving.registering.to(serving.awaiting_registration), name="!RegisterClient")
        recv_registration_applied = Event(
            serving.awaiting_registration.to(serving.announcing_client, on="note_registration"),
            name="?RegistrationApplied",
        )
        send_client_registered = Event(
            next_event(serving.announcing_client, serving, on="forget_current"), name="!ClientRegistered"
        )
        recv_client_join_failed = Event(
            serving.awaiting_confirmations.to(
                serving.stopping_timeout_of_failure,
                cond="is_pending",
                unless="is_of_earlier_attempt",
                on="end_admission",
            ),
            name="?ClientJoinFailed",
        )
        recv_timeout_exceeded = Event(
            serving.awaiting_confirmations.to(serving.forgetting, cond="is_current", on="give_up_admission"),
            name="?TimeoutExceeded",
        )
        send_forget_admission = Event(
            next_event(serving.forgetting, serving, on="forget_current"), name="!ForgetAdmission"
        )

        # A client leaves.

        recv_client_goodbye = Event(
            serving.awaiting_requests.to(serving.removing_client, on="note_client")
            | serving.awaiting_confirmations.to(serving.removing_client, unless="is_pending", on="note_client")
            | serving.awaiting_confirmations.to(
                serving.stopping_timeout_of_leaver,
                cond="is_pending",
                unless="is_of_earlier_session",
                on="end_admission",
            ),
            name="?ClientGoodbye",
        )
        send_remove_client = Event(
            next_event(serving.removing_client, serving, on="forget_current"), name="!RemoveClient"
        )

        # Goodbye.

        recv_stop = Event(
            starting.awaiting_connack.to(leaving.disconnecting)
            | starting.subscribing.to(leaving.disconnecting)
            | starting.awaiting_subacks.to(leaving.disconnecting)
            | starting.awaiting_its_hello.to(leaving.saying_goodbye)
            | serving.awaiting_requests.to(leaving.saying_goodbye)
            | serving.awaiting_confirmations.to(leaving.stopping_timeouts),
            name="?Stop",
        )
        send_stop_timeout = Event(
            serving.superseding.to(serving.checking)
            | serving.stopping_timeout.to(serving.registering)
            | serving.stopping_timeout_of_failure.to(serving.forgetting)
            | serving.stopping_timeout_of_leaver.to(serving.removing_client)
            | leaving.stopping_timeouts.to(leaving.saying_goodbye, cond="is_last_pending", on="drop_admission")
            | leaving.stopping_timeouts.to.itself(unless="is_last_pending", on="drop_admission"),
            name="!StopTimeout",
        )
        send_tracker_goodbye = Event(leaving.saying_goodbye.to(leaving.disconnecting), name="!TrackerGoodbye")

    recv_start = Event(offline.to(running, on="begin"), name="?Start")
    recv_connack = Event(
        running.starting.awaiting_connack.to(running.starting.subscribing, cond="is_granted")
        | running.starting.awaiting_connack.to(offline, unless="is_granted", on="forget_round"),
        name="?CONNACK",
    )
    recv_connection_failed = Event(
        running.starting.awaiting_connack.to(offline, on="forget_round"), name="?ConnectionFailed"
    )
    recv_connection_lost = Event(offline.from_(running, on="forget_round"), name="?ConnectionLost")
    send_disconnect = Event(running.leaving.disconnecting.to(offline, on="forget_round"), name="!DISCONNECT")

    inputs = (
        *(event for event in BUS_EVENTS if event.topic in TOPICS),
        TrackerHello,
        CONNACK,
        SUBACK,
        Start,
        Stop,
        ConnectionFailed,
        ConnectionLost,
        SubscriptionFailed,
        PublishFailed,
        JoinPossible,
        JoinConflicts,
        RegistrationApplied,
        TimeoutExceeded,
    )
    rules = (
        impossible(*BUS_EVENTS, states="offline", because="there is no connection"),
        impossible(
            *BUS_EVENTS, states="forgetting_clients connecting awaiting_connack", because="nothing is subscribed yet"
        ),
        ignore(
            *BUS_EVENTS,
            states="awaiting_subacks awaiting_its_hello",
            because="it does not serve yet; the hello makes every client ask anew",
        ),
        ignore(
            FragmentDistributionRequested,
            FragmentDistributionObtained,
            FragmentDistributionFailed,
            because="it is outside Client Join",
        ),
        ignore(ClientJoinRequested, because="it repeats the request that was answered"),
        ignore(ClientJoinSucceeded, ClientJoinFailed, because="that admission is not pending (any more)"),
        impossible(CONNACK, because="no CONNECT is under way"),
        impossible(ConnectionFailed, because="no CONNECT is under way"),
        ignore(SUBACK, SubscriptionFailed, states="leaving", because="it leaves"),
        impossible(SUBACK, SubscriptionFailed, because="no SUBSCRIBE is under way"),
        ignore(Start, because="it is started already"),
        ignore(Stop, states="offline leaving", because="it is stopped already"),
        ignore(ConnectionLost, because="there is no connection"),
        ignore(
            PublishFailed,
            states="offline starting awaiting_requests awaiting_confirmations leaving",
            because="to the protocol the event is lost on its way to the broker",
        ),
        ignore(
            TimeoutExceeded,
            states="offline starting awaiting_requests awaiting_confirmations leaving",
            because="it was on its way when that admission ended",
        ),
        impossible(JoinPossible, JoinConflicts, RegistrationApplied, because="the view answers only what it was asked"),
        ignore(TrackerHello, because="it is its own, delivered twice; or it is as drawn, and hears no other tracker"),
        ignore(ClientGoodbye, because="it is the will of an earlier session, whose owner is back"),
    )

    def __init__(
        self, client: str = TRACKER_ID, start: str = "", data: TrackerData | None = None, *, session: str = ""
    ) -> None:
        """`client` is its MQTT client identifier; `start` an atomic state to begin in, instead of `offline`.

        With a `session`, a text that no other tracker was ever given, it is hardened (see above).
        """
        super().__init__(data or TrackerData(client, session=session), start)

    # Guards.

    def is_repeated(self, message: ClientJoinRequested) -> bool:
        """Whether this very request was taken before (MQTT delivers twice at QoS 1)."""
        return message.event_id != "" and message.event_id == self.data.requests.get(message.client)

    def is_pending(self, message: ClientEvent) -> bool:
        """Whether an admission of this client is pending."""
        return message.client in self.data.pending

    def is_of_earlier_attempt(self, message: AttemptEvent) -> bool:
        """Whether an event names another request than the pending admission of its client."""
        pending = self.data.names.get(message.client, "")
        return "" not in {pending, message.request_id} and message.request_id != pending

    def is_of_earlier_session(self, message: ClientGoodbye) -> bool:
        """Whether it is a will for another session than that of the pending admission of its client."""
        return bool(message.session) and not belongs(self.data.names.get(message.client, ""), message.session)

    def is_hardened(self) -> bool:
        """Whether it hears the hellos of trackers."""
        return bool(self.data.session)

    def is_its_own(self, message: TrackerHello) -> bool:
        """Whether this tracker said it."""
        return bool(message.session == self.data.session)

    def is_successors(self, message: TrackerHello) -> bool:
        """Whether another tracker said it; if this one serves, it is later."""
        return self.data.session not in {"", message.session}

    def is_current(self, message: TimeoutExceeded) -> bool:
        """Whether it is the timeout of a pending admission that was exceeded."""
        return message.timer.client in self.data.pending and message.timer == self.data.timer(message.timer.client)

    def is_any_pending(self) -> bool:
        """Whether an admission is pending."""
        return bool(self.data.pending)

    def is_last_pending(self) -> bool:
        """Whether one admission is pending."""
        return len(self.data.pending) == 1

    def is_hello(self, message: PublishFailed) -> bool:
        """Whether it was the hello that the broker did not take over."""
        return message.event is TrackerHello

    # What a transition changes.

    def take_name(self, session: str) -> None:
        """The owner names this connection."""
        if session:
            self.data = replace(self.data, session=session)

    def wanted(self) -> frozenset[str]:
        """What torrent servers publish; if it is hardened, the hellos of trackers, too."""
        return self.topics | (OF_RIVALS if self.data.session else frozenset())

    def note_request(self, message: ClientJoinRequested) -> None:
        """Work on a request; an earlier attempt of the same client is no longer pending."""
        requests = immutabledict({**self.data.requests, message.client: message.event_id})
        self.data = replace(self.data.without(message.client), current=message, requests=requests)

    def note_admission(self, message: JoinPossible) -> None:
        """The client can join: its admission is pending."""
        client, name = message.acceptance.client, message.acceptance.request_id
        names = immutabledict({**self.data.names, **({client: name} if name else {})})
        attempts = immutabledict({**self.data.attempts, client: self.data.attempts.get(client, 0) + 1})
        pending = self.data.pending | {client}
        self.data = replace(self.data, current=message.acceptance, attempts=attempts, pending=pending, names=names)

    def note_conflicts(self, message: JoinConflicts) -> None:
        """The client cannot join."""
        self.data = replace(self.data, current=message)

    def note_registration(self, message: RegistrationApplied) -> None:
        """The client is registered."""
        self.data = replace(self.data, current=message.registered)

    def note_client(self, message: ClientEvent) -> None:
        """Work on the news of a client."""
        self.data = replace(self.data, current=message)

    def end_admission(self, message: ClientEvent) -> None:
        """A pending admission has ended."""
        self.data = replace(self.data.without(message.client), current=message)

    def give_up_admission(self, message: TimeoutExceeded) -> None:
        """A pending admission has ended by its timeout: as if the client had reported a failure."""
        client = message.timer.client
        self.data = replace(self.data.without(client), current=ClientJoinFailed(client=client))

    def drop_admission(self, message: StopTimeout) -> None:
        """A pending admission ends because the tracker leaves."""
        self.data = self.data.without(message.timer.client)

    def forget_current(self) -> None:
        """That piece of work is done."""
        self.data = replace(self.data, current=None)

    def forget_round(self) -> None:
        """The connection is gone; attempts stay counted, since an expiry may still be on its way."""
        self.data = TrackerData(self.data.client, attempts=self.data.attempts, session=self.data.session)

    # What is due.

    def compose_forget_clients(self) -> tuple[Output, ...]:
        return (Output(ForgetClients(), "view"),)

    def compose_tracker_hello(self) -> tuple[Output, ...]:
        return (Output(TrackerHello(session=self.data.session), "broker"),)

    def compose_tracker_goodbye(self) -> tuple[Output, ...]:
        return (Output(TrackerGoodbye(session=self.data.session), "broker"),)

    def compose_check_join(self) -> tuple[Output, ...]:
        assert isinstance(self.data.current, ClientJoinRequested)
        return (Output(CheckJoin(request=self.data.current), "view"),)

    def compose_set_timeout(self) -> tuple[Output, ...]:
        return (Output(SetTimeout(timer=self.data.timer(self._client)), "clock"),)

    def compose_stop_timeout(self) -> tuple[Output, ...]:
        clients = [self._client] if self.data.current else sorted(self.data.pending)
        return tuple(Output(StopTimeout(timer=self.data.timer(client)), "clock") for client in clients)

    def compose_client_join_accepted(self) -> tuple[Output, ...]:
        assert isinstance(self.data.current, ClientJoinAccepted)
        return (Output(replace(self.data.current, session=self.data.session), "broker"),)

    def compose_client_join_denied(self) -> tuple[Output, ...]:
        conflicts = self.data.current
        assert isinstance(conflicts, JoinConflicts)
        denial = ClientJoinDenied(
            client=conflicts.client,
            request_id=conflicts.request_id,
            reason_code=conflicts.reason_code,
            reason=conflicts.reason,
        )
        return (Output(denial, "broker"),)

    def compose_register_client(self) -> tuple[Output, ...]:
        return (Output(RegisterClient(client=self._client), "view"),)

    def compose_client_registered(self) -> tuple[Output, ...]:
        assert isinstance(self.data.current, ClientRegistered)
        return (Output(replace(self.data.current, session=self.data.session), "broker"),)

    def compose_forget_admission(self) -> tuple[Output, ...]:
        return (Output(ForgetAdmission(client=self._client), "view"),)

    def compose_remove_client(self) -> tuple[Output, ...]:
        leaver = self.data.current
        session = leaver.session if isinstance(leaver, ClientGoodbye) else ""
        return (Output(RemoveClient(client=self._client, session=session), "view"),)

    @property
    def _client(self) -> str:
        assert self.data.current is not None
        return self.data.current.client
