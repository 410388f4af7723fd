"""The distribution view of a server: the lifelines `TrackerView`, `TorrentView` and `ClientView` of the reference
diagram.

It is `idle` until its own MQTT client asks something, and then gives one answer. A tracker's view judges who can join
(the reference diagram: "Check if Torrent Server can join the Distribution Service."), keeps what pending admissions
were promised, and registers. A torrent server's view describes what it holds, makes the changes that an acceptance asks
for, and learns of other clients. What it judges and how it changes stands in `machines.rules`.
"""

from dataclasses import dataclass, field

from statemachine import Event, State

from machines import rules as of_view
from machines.calls import (
    AddClient,
    AddFile,
    ChangeView,
    CheckJoin,
    DescribeView,
    ForgetAdmission,
    ForgetClients,
    JoinConflicts,
    JoinPossible,
    RegisterClient,
    RegistrationApplied,
    RemoveClient,
    ViewChanged,
    ViewChangeFailed,
)
from machines.events import ClientJoinAccepted
from machines.participant import Output, Participant, ignore
from machines.records import replace
from machines.rules import Storage, View


@dataclass(frozen=True, slots=True)
class DistributionViewData:
    """What the view knows, and what it is about to answer, or the acceptance that it is about to follow."""

    view: View = field(default_factory=View)
    answer: JoinPossible | JoinConflicts | RegistrationApplied | None = None
    acceptance: ClientJoinAccepted | None = None


class DistributionView(Participant):
    """Knows which fragments lie on which actor, and who is registered."""

    data: DistributionViewData
    inputs = (
        CheckJoin,
        RegisterClient,
        ForgetAdmission,
        ForgetClients,
        DescribeView,
        ChangeView,
        AddClient,
        AddFile,
        RemoveClient,
    )
    rules = (ignore(RegisterClient, states="idle", because="no admission of that client is pending"),)

    idle = State(initial=True)
    judging = State()
    registering = State()
    describing = State()
    changing = State()

    recv_check_join = Event(idle.to(judging, on="judge"), name="?CheckJoin")
    send_join_possible = Event(judging.to(idle, on="answered"), name="!JoinPossible")
    send_join_conflicts = Event(judging.to(idle, on="answered"), name="!JoinConflicts")

    recv_register_client = Event(idle.to(registering, cond="is_pending", on="register"), name="?RegisterClient")
    send_registration_applied = Event(registering.to(idle, on="answered"), name="!RegistrationApplied")

    recv_describe_view = Event(idle.to(describing, on="forget_goodbyes"), name="?DescribeView")
    send_view_described = Event(describing.to(idle), name="!ViewDescribed")

    recv_change_view = Event(idle.to(changing, on="note_acceptance"), name="?ChangeView")
    send_view_changed = Event(changing.to(idle, on="change"), name="!ViewChanged")
    send_view_change_failed = Event(changing.to(idle, on="leave_unchanged"), name="!ViewChangeFailed")

    recv_forget_admission = Event(idle.to.itself(on="forget_admission"), name="?ForgetAdmission")
    recv_forget_clients = Event(idle.to.itself(on="forget_clients"), name="?ForgetClients")
    recv_add_client = Event(idle.to.itself(on="add_client"), name="?AddClient")
    recv_add_file = Event(idle.to.itself(on="add_file"), name="?AddFile")
    recv_remove_client = Event(idle.to.itself(on="remove_client"), name="?RemoveClient")

    def __init__(self, view: View | None = None) -> None:
        super().__init__(DistributionViewData(view or View()))

    def is_pending(self, message: RegisterClient) -> bool:
        """Whether the client was promised a place and has not yet taken it."""
        return message.client in self.data.view.admissions

    def judge(self, message: CheckJoin) -> None:
        """Decide whether the client can join; what it is promised counts as taken from here on."""
        view, answer = of_view.admit(self.data.view, message.request)
        self.data = DistributionViewData(view, answer=answer)

    def register(self, message: RegisterClient) -> None:
        """Make a pending admission a registration."""
        view, answer = of_view.register(self.data.view, message.client)
        self.data = DistributionViewData(view, answer=answer)

    def forget_goodbyes(self) -> None:
        """Begin a new request with nobody known to be gone."""
        self.data = DistributionViewData(of_view.forget_goodbyes(self.data.view))

    def note_acceptance(self, message: ChangeView) -> None:
        """Keep the changes that are asked for until they are made or have failed."""
        self.data = replace(self.data, acceptance=message.acceptance)

    def change(self) -> None:
        """Make the changes."""
        assert self.data.acceptance is not None
        view, _ = of_view.change(self.data.view, self.data.acceptance)
        self.data = DistributionViewData(view)

    def leave_unchanged(self) -> None:
        """Give the changes up."""
        self.data = DistributionViewData(self.data.view)

    def answered(self) -> None:
        """The answer is given."""
        self.data = DistributionViewData(self.data.view)

    def forget_admission(self, message: ForgetAdmission) -> None:
        """Release what a pending admission was promised."""
        self.data = DistributionViewData(of_view.forget_admission(self.data.view, message.client))

    def forget_clients(self) -> None:
        """Begin a new round."""
        self.data = DistributionViewData(of_view.forget_clients(self.data.view))

    def add_client(self, message: AddClient) -> None:
        """Add a registered client with what it brought."""
        self.data = DistributionViewData(of_view.add_client(self.data.view, message.registered))

    def add_file(self, message: AddFile) -> None:
        """Add a file."""
        self.data = DistributionViewData(of_view.add_file(self.data.view, message.published))

    def remove_client(self, message: RemoveClient) -> None:
        """Remove a client that left."""
        changed = of_view.remove_client(self.data.view, message.client, message.request_id, message.session)
        self.data = DistributionViewData(changed)

    def compose_join_possible(self) -> tuple[Output, ...]:
        """The answer, if the client can join."""
        return self._answer(JoinPossible)

    def compose_join_conflicts(self) -> tuple[Output, ...]:
        """The answer, if conflicts were found."""
        return self._answer(JoinConflicts)

    def compose_registration_applied(self) -> tuple[Output, ...]:
        """What everybody is to be told of the client."""
        return self._answer(RegistrationApplied)

    def compose_view_described(self) -> tuple[Output, ...]:
        """What this server knows and stores."""
        return (Output(of_view.describe(self.data.view), "client"),)

    def compose_view_changed(self) -> tuple[Output, ...]:
        """Success, if the changes can be made."""
        return tuple(o for o in self._outcomes() if isinstance(o.message, ViewChanged))

    def compose_view_change_failed(self) -> tuple[Output, ...]:
        """Failure, if the changes cannot be made."""
        return tuple(o for o in self._outcomes() if isinstance(o.message, ViewChangeFailed))

    def _answer(self, kind: type[JoinPossible | JoinConflicts | RegistrationApplied]) -> tuple[Output, ...]:
        return (Output(self.data.answer, "client"),) if isinstance(self.data.answer, kind) else ()

    def _outcomes(self) -> tuple[Output, ...]:
        """How the change can end; where the storage may fail or not, both ways."""
        assert self.data.acceptance is not None
        view = self.data.view
        storages: tuple[Storage, ...] = ("sound", "broken") if view.storage == "either" else (view.storage,)
        ends = (of_view.outcome_of(view, self.data.acceptance, storage) for storage in storages)
        return tuple(Output(end, "client") for end in dict.fromkeys(ends))
