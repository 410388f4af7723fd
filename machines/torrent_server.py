"""The MQTT client of a torrent server: the lifeline `Torrent` of the reference diagram.

*Starting*: it connects and subscribes, topic by topic in any order. *Joining*: it sets its timeout and publishes
ClientJoinRequested (the reference diagram, lines 26 and 28), awaits the answer, changes its view as an acceptance asks,
sets its timeout anew, publishes ClientJoinSucceeded, and awaits ClientRegistered. It is *registered* from then on.
Whenever the procedure fails (a timeout, a denial, a view that cannot be changed) it awaits the next TrackerHello (the
reference diagram, line 59: "Procedure failed. Waits for next TrackerHello Event."), which makes it join again, from
wherever it is: a new tracker knows nobody. *Leaving*: it says goodbye if it counts itself as registered, and
disconnects.

*Hardened*: the protocol as drawn leaves three gaps, which a server that is given a `session` closes, alone or among
others that do not. It names its requests (`request_id`), and takes nothing that names an earlier one for the answer to
its latest. When it hears that it was registered although it has given up, it says goodbye (`declining`). And as long as
the tracker may have registered it for a request that it confirmed, it says goodbye also when it stops after it gave
up, and when it is back after its connection was lost (`withdrawing`). A goodbye may be lost with the connection, so it
is said once more rather than taken for heard. It follows one tracker: whose hello it heard last, or who has accepted it
since. What another tracker says of its members, or says when it leaves, it skips; whom it follows it cannot know where
the tracker names no session.

*Asking again*: with `retries` it does not wait for the next TrackerHello alone. When the procedure has failed, or the
tracker has said goodbye, it sets its timeout once more (`pausing`), and asks again when that is exceeded: so often,
from one hello to the next. *Leaving a will*: where `leaves_will` is given it leaves its goodbye with the broker when it
connects, which says it in the name of this session if the connection breaks.

The names of the states say what is awaited, or what is about to be sent. While it joins and while it is registered
it learns of other clients and of files that the tracker tells of.
"""

from dataclasses import dataclass

from statemachine import Event, State

from machines.calls import (
    CONNACK,
    CONNECT,
    SUBACK,
    AddClient,
    AddFile,
    ChangeView,
    ConnectionFailed,
    ConnectionLost,
    DescribeView,
    PublishFailed,
    RemoveClient,
    SetTimeout,
    Start,
    Stop,
    StopTimeout,
    SubscriptionFailed,
    TimeoutExceeded,
    Timer,
    ViewChanged,
    ViewChangeFailed,
    ViewDescribed,
)
from machines.events import (
    BUS_EVENTS,
    TOPICS_OF,
    TRACKER,
    AttemptEvent,
    ClientEvent,
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinFailed,
    ClientJoinRequested,
    ClientJoinSucceeded,
    ClientRegistered,
    FileInfoPublished,
    FragmentDistributionDelivered,
    FragmentDistributionEnded,
    FragmentDistributionStarted,
    TrackerGoodbye,
    TrackerHello,
)
from machines.participant import Output, ignore, impossible
from machines.records import replace
from machines.session import MqttClient, SessionData

TOPICS = TOPICS_OF[TRACKER] | {ClientGoodbye.topic}
"""What a torrent server subscribes to: all that the tracker publishes, and the goodbyes of other clients."""


@dataclass(frozen=True, slots=True)
class TorrentServerData(SessionData):
    """Who it is, the number of its latest attempt to join, and what it needs for the step that is due."""

    attempt: int = 0
    hello: str = ""
    """`event_id` of the latest TrackerHello that it followed."""
    description: ViewDescribed | None = None
    acceptance: ClientJoinAccepted | None = None
    news: ClientRegistered | ClientGoodbye | FileInfoPublished | None = None
    session: str = ""
    """What the names of its requests begin with; the owner gives one that was never used before. Empty: no names."""
    request: int = 0
    """How many requests it has named."""
    confirmed: str = ""
    """`request_id` of the request for which the tracker may have registered it."""
    declined: str = ""
    """`request_id` of the registration that it declined; it does so once, though MQTT may deliver it twice."""
    retries: int = 0
    """How often it asks again by itself, from one hello to the next."""
    retried: int = 0
    """How often it did."""
    leaves_will: bool = False
    """Whether it leaves its goodbye with the broker, for when the connection breaks."""
    tracker: str = ""
    """The session of the tracker that it follows; empty if nobody has named it, or it is not hardened."""

    @property
    def request_id(self) -> str:
        """The name of its latest request."""
        return f"{self.session}-{self.request}" if self.session else ""

    @property
    def timer(self) -> Timer:
        """The timeout of the latest attempt."""
        return Timer(self.client, self.attempt)


class TorrentServer(MqttClient):
    """Joins the Distribution Service, stays as long as the tracker does, and joins again."""

    data: TorrentServerData
    topics = TOPICS

    offline = State(initial=True)

    class running(State.Compound):  # noqa: N801 - a state
        """From the owner's order to start until the connection ends."""

        class starting(State.Compound):  # noqa: N801
            """Torrent Server startup."""

            connecting = State(initial=True)
            awaiting_connack = State()
            subscribing = State()
            awaiting_subacks = State()
            withdrawing = State()

        class joining(State.Compound):  # noqa: N801
            """Client Join."""

            describing_view = State(initial=True)
            awaiting_description = State()
            setting_timeout = State()
            requesting = State()
            awaiting_answer = State()
            updating_view_before_answer = State()
            changing_view = State()
            awaiting_change = State()
            renewing_timeout = State()
            confirming = State()
            awaiting_registration = State()
            updating_view_before_registration = State()
            stopping_timeout = State()
            adding_itself = State()
            reporting_failure = State()
            awaiting_timeout = State()
            giving_up = State()
            pausing = State()
            awaiting_retry = State()

        awaiting_hello = State()
        declining = State()

        class member(State.Compound):  # noqa: N801
            """Part of the Distribution Service."""

            registered = State(initial=True)
            updating_view = State()

        class leaving(State.Compound):  # noqa: N801
            """Client goodbye."""

            stopping_timeout_to_disconnect = State()
            stopping_timeout_to_leave = State()
            saying_goodbye = State()
            disconnecting = State(initial=True)

        # Startup.

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
                starting.withdrawing,
                cond=["is_granted", "is_last_suback", "is_hardened_and_confirmed"],
                on="note_acknowledged",
            )
            | starting.awaiting_subacks.to(
                joining.describing_view, cond=["is_granted", "is_last_suback"], on="note_acknowledged"
            )
            | starting.awaiting_subacks.to.itself(cond="is_granted", unless="is_last_suback", on="note_acknowledged"),
            name="?SUBACK",
        )
        recv_subscription_failed = Event(
            starting.subscribing.to(leaving.disconnecting) | starting.awaiting_subacks.to(leaving.disconnecting),
            name="?SubscriptionFailed",
        )

        # Client Join: asking. What the view holds goes into the request.

        send_describe_view = Event(joining.describing_view.to(joining.awaiting_description), name="!DescribeView")
        recv_view_described = Event(
            joining.awaiting_description.to(joining.setting_timeout, on="note_description"), name="?ViewDescribed"
        )
        send_set_timeout = Event(
            joining.setting_timeout.to(joining.requesting)
            | joining.renewing_timeout.to(joining.confirming)
            | joining.pausing.to(joining.awaiting_retry),
            name="!SetTimeout",
        )
        send_client_join_requested = Event(
            joining.requesting.to(joining.awaiting_answer, on="forget_description"), name="!ClientJoinRequested"
        )
        recv_client_join_denied = Event(
            joining.awaiting_answer.to(joining.giving_up, cond="is_for_itself", unless="is_for_earlier_attempt"),
            name="?ClientJoinDenied",
        )
        recv_client_join_accepted = Event(
            joining.awaiting_answer.to(
                joining.changing_view, cond="is_for_itself", unless="is_for_earlier_attempt", on="note_acceptance"
            ),
            name="?ClientJoinAccepted",
        )

        # Client Join: accepted.

        send_change_view = Event(
            joining.changing_view.to(joining.awaiting_change, on="forget_acceptance"), name="!ChangeView"
        )
        recv_view_changed = Event(
            joining.awaiting_change.to(joining.renewing_timeout, on="count_attempt"), name="?ViewChanged"
        )
        send_client_join_succeeded = Event(
            joining.confirming.to(joining.awaiting_registration, on="note_confirmed"), name="!ClientJoinSucceeded"
        )
        recv_view_change_failed = Event(joining.awaiting_change.to(joining.reporting_failure), name="?ViewChangeFailed")
        send_client_join_failed = Event(
            joining.reporting_failure.to(joining.awaiting_timeout), name="!ClientJoinFailed"
        )

        # What the service tells: of ourselves, of others, of files.

        recv_client_registered = Event(
            joining.awaiting_registration.to(
                joining.stopping_timeout,
                cond="is_for_itself",
                unless=["is_for_earlier_attempt", "is_of_another_tracker"],
                on="note_news",
            )
            | joining.awaiting_registration.to(
                joining.updating_view_before_registration,
                unless=["is_for_itself", "is_of_another_tracker"],
                on="note_news",
            )
            | joining.awaiting_answer.to(
                joining.updating_view_before_answer, unless=["is_for_itself", "is_of_another_tracker"], on="note_news"
            )
            | member.registered.to(
                member.updating_view, unless=["is_for_itself", "is_of_another_tracker"], on="note_news"
            )
            | awaiting_hello.to(declining, cond=["is_for_itself", "is_hardened_to_decline"], on="note_news")
            | joining.awaiting_retry.to(declining, cond=["is_for_itself", "is_hardened_to_decline"], on="note_news"),
            name="?ClientRegistered",
        )
        recv_client_goodbye = Event(
            joining.awaiting_registration.to(
                joining.updating_view_before_registration, unless="is_for_itself", on="note_news"
            )
            | joining.awaiting_answer.to(joining.updating_view_before_answer, unless="is_for_itself", on="note_news")
            | member.registered.to(member.updating_view, unless="is_for_itself", on="note_news"),
            name="?ClientGoodbye",
        )
        recv_file_info_published = Event(
            joining.awaiting_registration.to(joining.updating_view_before_registration, on="note_news")
            | joining.awaiting_answer.to(joining.updating_view_before_answer, on="note_news")
            | member.registered.to(member.updating_view, on="note_news"),
            name="?FileInfoPublished",
        )
        send_add_client = Event(
            joining.adding_itself.to(member.registered, on="forget_news")
            | joining.updating_view_before_registration.to(joining.awaiting_registration, on="forget_news")
            | joining.updating_view_before_answer.to(joining.awaiting_answer, on="forget_news")
            | member.updating_view.to(member.registered, on="forget_news"),
            name="!AddClient",
        )
        send_remove_client = Event(
            joining.updating_view_before_registration.to(joining.awaiting_registration, on="forget_news")
            | joining.updating_view_before_answer.to(joining.awaiting_answer, on="forget_news")
            | member.updating_view.to(member.registered, on="forget_news"),
            name="!RemoveClient",
        )
        send_add_file = Event(
            joining.updating_view_before_registration.to(joining.awaiting_registration, on="forget_news")
            | joining.updating_view_before_answer.to(joining.awaiting_answer, on="forget_news")
            | member.updating_view.to(member.registered, on="forget_news"),
            name="!AddFile",
        )

        # The procedure failed, or the tracker changed.

        recv_timeout_exceeded = Event(
            joining.awaiting_answer.to(joining.pausing, cond=["is_current", "asks_again"], on="count_attempt")
            | joining.awaiting_answer.to(awaiting_hello, cond="is_current")
            | joining.awaiting_registration.to(joining.pausing, cond=["is_current", "asks_again"], on="count_attempt")
            | joining.awaiting_registration.to(awaiting_hello, cond="is_current")
            | joining.awaiting_timeout.to(joining.pausing, cond=["is_current", "asks_again"], on="count_attempt")
            | joining.awaiting_timeout.to(awaiting_hello, cond="is_current")
            | joining.awaiting_retry.to(joining.describing_view, cond="is_current", on="count_retry"),
            name="?TimeoutExceeded",
        )
        recv_tracker_goodbye = Event(
            joining.awaiting_answer.to(joining.giving_up, unless="is_of_another_tracker")
            | joining.awaiting_registration.to(joining.giving_up, unless="is_of_another_tracker")
            | joining.awaiting_timeout.to(joining.giving_up, unless="is_of_another_tracker")
            | member.registered.to(
                joining.pausing, cond="asks_again", unless="is_of_another_tracker", on="count_attempt"
            )
            | member.registered.to(awaiting_hello, unless=["asks_again", "is_of_another_tracker"]),
            name="?TrackerGoodbye",
        )
        recv_tracker_hello = Event(
            awaiting_hello.to(joining, unless="is_repeated", on="follow_hello")
            | joining.awaiting_answer.to(joining.describing_view, unless="is_repeated", on="follow_hello")
            | joining.awaiting_registration.to(joining.describing_view, unless="is_repeated", on="follow_hello")
            | joining.awaiting_timeout.to(joining.describing_view, unless="is_repeated", on="follow_hello")
            | joining.awaiting_retry.to(joining.describing_view, unless="is_repeated", on="follow_hello")
            | member.registered.to(joining, unless="is_repeated", on="follow_hello"),
            name="?TrackerHello",
        )
        send_stop_timeout = Event(
            joining.stopping_timeout.to(joining.adding_itself)
            | joining.giving_up.to(joining.pausing, cond="asks_again", on="count_attempt")
            | joining.giving_up.to(awaiting_hello, unless="asks_again")
            | leaving.stopping_timeout_to_disconnect.to(leaving.disconnecting)
            | leaving.stopping_timeout_to_leave.to(leaving.saying_goodbye),
            name="!StopTimeout",
        )

        # Goodbye.

        recv_stop = Event(
            starting.awaiting_connack.to(leaving.disconnecting)
            | starting.subscribing.to(leaving.disconnecting)
            | starting.awaiting_subacks.to(leaving.disconnecting)
            | joining.awaiting_answer.to(leaving.stopping_timeout_to_disconnect)
            | joining.awaiting_timeout.to(leaving.stopping_timeout_to_disconnect)
            | joining.awaiting_registration.to(leaving.stopping_timeout_to_leave)
            | joining.awaiting_retry.to(leaving.stopping_timeout_to_leave, cond="is_hardened_and_confirmed")
            | joining.awaiting_retry.to(leaving.stopping_timeout_to_disconnect, unless="is_hardened_and_confirmed")
            | awaiting_hello.to(leaving.saying_goodbye, cond="is_hardened_and_confirmed")
            | awaiting_hello.to(leaving.disconnecting, unless="is_hardened_and_confirmed")
            | member.registered.to(leaving.saying_goodbye),
            name="?Stop",
        )
        send_client_goodbye = Event(
            leaving.saying_goodbye.to(leaving.disconnecting, on="forget_confirmed")
            | starting.withdrawing.to(joining.describing_view)
            | declining.to(joining.pausing, cond="asks_again", on="note_declined_and_count_attempt")
            | declining.to(awaiting_hello, on="note_declined"),
            name="!ClientGoodbye",
        )

    recv_start = Event(offline.to(running, on="begin"), name="?Start")
    recv_connack = Event(
        running.starting.awaiting_connack.to(running.starting.subscribing, cond="is_granted")
        | running.starting.awaiting_connack.to(offline, unless="is_granted", on="forget_all"),
        name="?CONNACK",
    )
    recv_connection_failed = Event(
        running.starting.awaiting_connack.to(offline, on="forget_all"), name="?ConnectionFailed"
    )
    recv_connection_lost = Event(offline.from_(running, on="forget_all"), name="?ConnectionLost")
    send_disconnect = Event(running.leaving.disconnecting.to(offline, on="forget_all"), name="!DISCONNECT")

    inputs = (
        *(event for event in BUS_EVENTS if event.topic in TOPICS),
        CONNACK,
        SUBACK,
        Start,
        Stop,
        ConnectionFailed,
        ConnectionLost,
        SubscriptionFailed,
        PublishFailed,
        ViewDescribed,
        ViewChanged,
        ViewChangeFailed,
        TimeoutExceeded,
    )
    rules = (
        impossible(*BUS_EVENTS, states="offline", because="there is no connection"),
        impossible(*BUS_EVENTS, states="connecting awaiting_connack", because="nothing is subscribed yet"),
        ignore(*BUS_EVENTS, states="awaiting_subacks", because="Client Join begins anew once the startup is done"),
        ignore(
            FragmentDistributionStarted,
            FragmentDistributionDelivered,
            FragmentDistributionEnded,
            because="it is outside Client Join",
        ),
        ignore(
            ClientJoinAccepted,
            ClientJoinDenied,
            states="awaiting_answer",
            because="it answers another client, or an earlier attempt",
        ),
        ignore(
            ClientJoinAccepted,
            ClientJoinDenied,
            states="member",
            because="a registered client ignores what others are answered, and what it was answered earlier",
        ),
        ignore(
            ClientJoinAccepted,
            ClientJoinDenied,
            because="it answers another client, or an attempt that is over",
        ),
        ignore(
            ClientRegistered,
            states="awaiting_answer",
            because="it ends an earlier attempt, and this one is not accepted; or nobody follows that tracker",
        ),
        ignore(
            ClientRegistered,
            states="awaiting_registration",
            because="it ends an earlier attempt, or is of a tracker that it does not follow",
        ),
        ignore(
            ClientRegistered,
            states="member",
            because="it repeats what is known, or is of a tracker that it does not follow",
        ),
        ignore(ClientGoodbye, states="member awaiting_answer awaiting_registration", because="it is its own"),
        ignore(
            ClientRegistered,
            ClientGoodbye,
            FileInfoPublished,
            states="awaiting_hello awaiting_timeout awaiting_retry",
            because="the next acceptance brings the whole view",
        ),
        ignore(TrackerGoodbye, states="awaiting_hello awaiting_retry", because="it awaits the next tracker already"),
        ignore(
            TrackerGoodbye,
            states="awaiting_answer awaiting_registration awaiting_timeout member",
            because="it is of a tracker that it does not follow",
        ),
        ignore(TrackerHello, because="it repeats the hello that was followed"),
        impossible(CONNACK, because="no CONNECT is under way"),
        impossible(ConnectionFailed, because="no CONNECT is under way"),
        impossible(SUBACK, SubscriptionFailed, states="offline awaiting_connack", because="no SUBSCRIBE is under way"),
        ignore(SUBACK, SubscriptionFailed, states="leaving", because="it leaves"),
        impossible(SUBACK, SubscriptionFailed, because="no SUBSCRIBE is under way"),
        ignore(Start, because="it is started already"),
        ignore(Stop, states="offline leaving", because="it is stopped already"),
        ignore(ConnectionLost, because="there is no connection"),
        ignore(PublishFailed, because="to the protocol the event is lost on its way to the broker"),
        ignore(
            TimeoutExceeded,
            states="awaiting_answer awaiting_registration awaiting_timeout awaiting_retry",
            because="it was on its way when that timeout was set anew",
        ),
        ignore(
            TimeoutExceeded,
            states="offline starting awaiting_hello member leaving",
            because="it was on its way when the attempt ended",
        ),
        impossible(ViewDescribed, ViewChanged, ViewChangeFailed, because="the view answers only what it was asked"),
    )

    def __init__(
        self,
        client: str = "torrent",
        start: str = "",
        data: TorrentServerData | None = None,
        *,
        session: str = "",
        retries: int = 0,
        leaves_will: bool = False,
    ) -> None:
        """`client` is its MQTT client identifier; `start` an atomic state to begin in, instead of `offline`.

        With a `session`, a text that no other instance for this client was ever given, it is hardened (see above).
        """
        made = TorrentServerData(client, session=session, retries=retries, leaves_will=leaves_will)
        super().__init__(data or made, start)

    # Guards.

    def is_for_itself(self, message: ClientEvent) -> bool:
        """Whether an event names this client."""
        return message.client == self.data.client

    def is_for_earlier_attempt(self, message: AttemptEvent) -> bool:
        """Whether an event names another request than the latest."""
        return "" not in {message.request_id, self.data.request_id} and message.request_id != self.data.request_id

    def is_of_another_tracker(self, message: ClientRegistered | TrackerGoodbye) -> bool:
        """Whether it is hardened, and a tracker says it that names itself, and that it does not follow.

        While it follows nobody, a goodbye leaves the attempt to its timeout, and an acceptance brings the whole view.
        """
        return bool(self.data.session) and message.session not in {"", self.data.tracker}

    def is_hardened_to_decline(self, message: ClientRegistered) -> bool:
        """Whether it is hardened, and has not declined this registration yet."""
        return bool(self.data.session) and self._named(message) not in {"", self.data.declined}

    def is_hardened_and_confirmed(self) -> bool:
        """Whether the tracker may have registered it for a request that it has named and given up."""
        return bool(self.data.confirmed)

    def is_current(self, message: TimeoutExceeded) -> bool:
        """Whether it is the latest timeout that was exceeded."""
        return message.timer == self.data.timer

    def asks_again(self) -> bool:
        """Whether it asks again by itself when this attempt has failed."""
        return bool(self.data.retried < self.data.retries)

    def is_repeated(self, message: TrackerHello) -> bool:
        """Whether this very hello was followed before (MQTT delivers twice at QoS 1)."""
        return message.event_id != "" and message.event_id == self.data.hello

    # What a transition changes.

    def take_name(self, session: str) -> None:
        """The owner names this connection: the names of requests begin with that from now on."""
        if session:
            self.data = replace(self.data, session=session, request=0)

    def note_description(self, message: ViewDescribed) -> None:
        """Keep what the view holds for the request; the attempt begins."""
        request = self.data.request + bool(self.data.session)
        self.data = replace(self.data, description=message, attempt=self.data.attempt + 1, request=request)

    def count_attempt(self) -> None:
        """The timeout that is set next is another one."""
        self.data = replace(self.data, attempt=self.data.attempt + 1)

    def count_retry(self) -> None:
        """It asks again."""
        self.data = replace(self.data, retried=self.data.retried + 1)

    def forget_description(self) -> None:
        """The request is out."""
        self.data = replace(self.data, description=None)

    def note_acceptance(self, message: ClientJoinAccepted) -> None:
        """Keep what the view has to change, and follow who says so."""
        self.data = replace(self.data, acceptance=message, tracker=self._followed(message))

    def note_confirmed(self) -> None:
        """From here on the tracker may register it."""
        self.data = replace(self.data, confirmed=self.data.request_id)

    def forget_confirmed(self) -> None:
        """It has said goodbye."""
        self.data = replace(self.data, confirmed="")

    def note_declined(self) -> None:
        """It has said that it does not want to be registered any more."""
        assert isinstance(self.data.news, ClientRegistered)
        self.data = replace(self.data, declined=self._named(self.data.news), news=None)

    def note_declined_and_count_attempt(self) -> None:
        """It has declined a registration, and sets its timeout next."""
        self.note_declined()
        self.count_attempt()

    def forget_acceptance(self) -> None:
        """The view knows what to change."""
        self.data = replace(self.data, acceptance=None)

    def note_news(self, message: ClientRegistered | ClientGoodbye | FileInfoPublished) -> None:
        """Keep what the view has to learn."""
        self.data = replace(self.data, news=message)

    def forget_news(self) -> None:
        """The view has learned it."""
        self.data = replace(self.data, news=None)

    def follow_hello(self, message: TrackerHello) -> None:
        """A new round begins, with nobody registered."""
        tracker = self._followed(message)
        self.data = replace(self.data, hello=message.event_id, confirmed="", declined="", retried=0, tracker=tracker)

    def forget_all(self) -> None:
        """The connection is gone; attempts stay counted, since an expiry may still be on its way.

        What was confirmed stays known, since the tracker does not know that the connection is gone.
        """
        self.data = TorrentServerData(
            self.data.client,
            attempt=self.data.attempt,
            session=self.data.session,
            request=self.data.request,
            confirmed=self.data.confirmed,
            retries=self.data.retries,
            retried=self.data.retried,
            leaves_will=self.data.leaves_will,
        )

    # What is due.

    def compose_connect(self) -> tuple[Output, ...]:
        """The session's first packet, with the goodbye that is said if the connection breaks."""
        will = ClientGoodbye(client=self.data.client, session=self.data.session) if self.data.leaves_will else None
        return (Output(CONNECT(will=will), "broker"),)

    def compose_describe_view(self) -> tuple[Output, ...]:
        return (Output(DescribeView(), "view"),)

    def compose_set_timeout(self) -> tuple[Output, ...]:
        return (Output(SetTimeout(timer=self.data.timer), "clock"),)

    def compose_stop_timeout(self) -> tuple[Output, ...]:
        return (Output(StopTimeout(timer=self.data.timer), "clock"),)

    def compose_client_join_requested(self) -> tuple[Output, ...]:
        described = self.data.description
        assert described is not None
        request = ClientJoinRequested(
            client=self.data.client,
            request_id=self.data.request_id,
            hash_algorithm=described.hash_algorithm,
            fragment_size=described.fragment_size,
            known_file_infos=described.known_file_infos,
            stored_fragments=described.stored_fragments,
            endpoints=described.endpoints,
        )
        return (Output(request, "broker"),)

    def compose_change_view(self) -> tuple[Output, ...]:
        assert self.data.acceptance is not None
        return (Output(ChangeView(acceptance=self.data.acceptance), "view"),)

    def compose_client_join_succeeded(self) -> tuple[Output, ...]:
        return (Output(ClientJoinSucceeded(client=self.data.client, request_id=self.data.request_id), "broker"),)

    def compose_client_join_failed(self) -> tuple[Output, ...]:
        return (Output(ClientJoinFailed(client=self.data.client, request_id=self.data.request_id), "broker"),)

    def compose_client_goodbye(self) -> tuple[Output, ...]:
        news = self.data.news
        name = self._named(news) if isinstance(news, ClientRegistered) else self.data.confirmed
        return (Output(ClientGoodbye(client=self.data.client, request_id=name), "broker"),)

    def compose_add_client(self) -> tuple[Output, ...]:
        news = self.data.news
        return (Output(AddClient(registered=news), "view"),) if isinstance(news, ClientRegistered) else ()

    def compose_remove_client(self) -> tuple[Output, ...]:
        news = self.data.news
        if not isinstance(news, ClientGoodbye):
            return ()
        removal = RemoveClient(client=news.client, request_id=news.request_id, session=news.session)
        return (Output(removal, "view"),)

    def compose_add_file(self) -> tuple[Output, ...]:
        news = self.data.news
        return (Output(AddFile(published=news), "view"),) if isinstance(news, FileInfoPublished) else ()

    def _followed(self, message: TrackerHello | ClientJoinAccepted) -> str:
        """The session of the tracker that says it, if it is hardened."""
        return message.session if self.data.session else ""

    def _named(self, registered: ClientRegistered) -> str:
        """For which request it was registered: the one that it confirmed, if the tracker does not say."""
        return registered.request_id or self.data.confirmed
