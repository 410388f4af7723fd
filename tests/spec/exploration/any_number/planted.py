"""Charts with mistakes that show with three to six torrent servers only."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from immutabledict import immutabledict

from machines import (
    Broker,
    Clock,
    DistributionView,
    Participant,
    TorrentServer,
    Tracker,
)
from machines.calls import (
    AddClient,
    CheckJoin,
    JoinConflicts,
    JoinPossible,
    RegisterClient,
    RemoveClient,
    SetTimeout,
    TimeoutExceeded,
    Timer,
)
from machines.clock import ClockData
from machines.distribution_view import DistributionViewData
from machines.events import BusEvent, ClientEvent, ClientRegistered, ReasonCode
from machines.participant import Output
from spec.exploration.model.scenario import Scenario, scenario

HASTY = scenario("hasty")
MIXED = Scenario("mixed", timeouts="patient", hardened=True, as_drawn=1)
RIVALS = Scenario("rivals", timeouts="patient", conflicting=2)
Charts = Mapping[str, type[Participant]]


@dataclass(frozen=True)
class Planted:
    """A mistake: the charts with it, and how many servers it takes to see it."""

    charts: Charts
    servers: int
    scenario: Scenario = HASTY


class DropsThirdPending(Tracker):
    """A third admission is not noted as pending."""

    def note_admission(self, message: JoinPossible) -> None:
        before = self.data.pending
        super().note_admission(message)
        if len(before) >= 2:
            self.data = replace(self.data, pending=before)


class DropsFourthPending(Tracker):
    """A fourth admission is not noted as pending."""

    def note_admission(self, message: JoinPossible) -> None:
        before = self.data.pending
        super().note_admission(message)
        if len(before) >= 3:
            self.data = replace(self.data, pending=before)


class DropsFifthPending(Tracker):
    """A fifth admission is not noted as pending."""

    def note_admission(self, message: JoinPossible) -> None:
        before = self.data.pending
        super().note_admission(message)
        if len(before) >= 4:
            self.data = replace(self.data, pending=before)


class DropsSixthPending(Tracker):
    """A sixth admission is not noted as pending."""

    def note_admission(self, message: JoinPossible) -> None:
        before = self.data.pending
        super().note_admission(message)
        if len(before) >= 5:
            self.data = replace(self.data, pending=before)


class OmitsAClient(Tracker):
    """An acceptance leaves out the first of two or more registered clients."""

    def compose_client_join_accepted(self) -> tuple[Output, ...]:
        (output,) = super().compose_client_join_accepted()
        message: Any = output.message
        if len(message.clients) >= 2:
            kept = sorted(message.clients)[1:]
            message = replace(message, clients=immutabledict({name: message.clients[name] for name in kept}))
        return (Output(message, output.to),)


class NoThirdTimeout(Clock):
    """A third timeout is not set."""

    def set_timer(self, message: SetTimeout) -> None:
        before = self.data
        super().set_timer(message)
        if len(before.running) == 2 and message.timer.client not in before.running:
            self.data = before


class ExpiryForgetsTheOthers(Tracker):
    """With an expiry the admissions of two or more others are forgotten."""

    def give_up_admission(self, message: TimeoutExceeded) -> None:
        super().give_up_admission(message)
        if len(self.data.pending) >= 2:
            self.data = replace(self.data, pending=frozenset())


class DropsThirdClient(DistributionView):
    """A view keeps no third client."""

    def add_client(self, message: AddClient) -> None:
        before = self.data.view
        super().add_client(message)
        if len(before.clients) >= 2:
            self.data = DistributionViewData(replace(self.data.view, clients=before.clients))


class RegistersNoThird(DistributionView):
    """A tracker's view registers no third client."""

    def register(self, message: RegisterClient) -> None:
        before = self.data.view.clients
        super().register(message)
        if len(before) >= 2:
            self.data = replace(self.data, view=replace(self.data.view, clients=before))


class RemovesEverybody(DistributionView):
    """With one of three clients all are removed."""

    def remove_client(self, message: RemoveClient) -> None:
        before = self.data.view.clients
        super().remove_client(message)
        if len(before) >= 3:
            self.data = DistributionViewData(replace(self.data.view, clients=immutabledict()))


class StopsAnotherTimeout(Clock):
    """Where two other timeouts run, an expiry takes them away, too."""

    def drop_timer(self, message: Any) -> None:
        super().drop_timer(message)
        if len(self.data.running) >= 2:
            self.data = ClockData()


class IgnoresExpiry(Tracker):
    """With two other admissions pending, an expiry counts as one of an earlier attempt."""

    def is_current(self, message: TimeoutExceeded) -> bool:
        return super().is_current(message) and len(self.data.pending - {message.timer.client}) < 2


class ConfirmsForAnother(Tracker):
    """With three admissions pending, a confirmation ends the admission of the first."""

    def end_admission(self, message: ClientEvent) -> None:
        first = min(self.data.pending)
        super().end_admission(message)
        if len(self.data.pending) >= 2:
            self.data = replace(self.data, pending=self.data.pending - {first})


class IdleTooEarly(Tracker):
    """With two admissions pending it awaits requests only."""

    def is_any_pending(self) -> bool:
        return len(self.data.pending) not in {0, 2}


class MixesTimeouts(Tracker):
    """The timeout of a third admission is set for somebody else."""

    def compose_set_timeout(self) -> tuple[Output, ...]:
        if len(self.data.pending) >= 3:
            other = max(self.data.pending - {self._client})
            return (Output(SetTimeout(timer=Timer(other, self.data.timer(other).attempt)), "clock"),)
        return super().compose_set_timeout()


class TellsTwoOnly(Broker):
    """An event goes to three receivers at most."""

    def take_over(self, message: BusEvent) -> None:
        super().take_over(message)
        self.data = replace(self.data, outbox=self.data.outbox[:2])


class ForgetsItself(DistributionView):
    """A torrent server whose view holds two others does not add a third one, which is itself."""

    def add_client(self, message: AddClient) -> None:
        before = self.data.view
        super().add_client(message)
        mine = message.registered.info.endpoints == before.own.endpoints
        if mine and len(before.clients) == 2:
            self.data = DistributionViewData(before)


class LeavesOnNews(TorrentServer):
    """Who hears of a client while it knows of none, drops what was said of the next one."""

    def note_news(self, message: Any) -> None:
        super().note_news(message)
        if isinstance(message, ClientRegistered) and sum(map(ord, message.client)) % 3 == 0:
            self.data = replace(self.data, attempt=self.data.attempt + 1)


class ForgetsUnnamed(Tracker):
    """With one admission for a named request pending, and one for a request without a name, both are forgotten."""

    def note_admission(self, message: JoinPossible) -> None:
        super().note_admission(message)
        if len(self.data.names) == 1 and len(self.data.pending) == 2:
            self.data = replace(self.data, pending=frozenset())


class AsksForEver(TorrentServer):
    """Whenever the procedure has failed it asks again."""

    def asks_again(self) -> bool:
        return True

    def count_retry(self) -> None:
        pass


class DeniesAll(DistributionView):
    """A tracker's view finds a conflict whatever it is asked."""

    def judge(self, message: CheckJoin) -> None:
        about = message.request
        answer = JoinConflicts(
            client=about.client, reason_code=ReasonCode.WRONG_FRAGMENT_SIZE, reason="no", request_id=about.request_id
        )
        self.data = DistributionViewData(self.data.view, answer=answer)


class KeepsThreeTimeouts(Clock):
    """Of three timeouts that are set none is dropped when it is exceeded."""

    def drop_timer(self, message: Any) -> None:
        if not (isinstance(message, TimeoutExceeded) and len(self.data.running) > 2):
            super().drop_timer(message)


class NeverDone(Clock):
    """Of two timeouts that are set none is dropped when it is exceeded: a standing one would do no harm."""

    def drop_timer(self, message: Any) -> None:
        if not (isinstance(message, TimeoutExceeded) and len(self.data.running) > 1):
            super().drop_timer(message)


class NoExpiry(Clock):
    """While two timeouts are set none is exceeded."""

    def compose_timeout_exceeded(self) -> tuple[Output, ...]:
        return super().compose_timeout_exceeded() if len(self.data.running) != 2 else ()


DENIED: Charts = {"TorrentServer": AsksForEver, "DistributionView": DeniesAll}
ENDLESS: Mapping[str, Planted] = {
    "a server asks again for ever": Planted(DENIED, 1, scenario("standard")),
    "a request and its denial follow each other for ever": Planted({"TorrentServer": AsksForEver}, 2, RIVALS),
    "three timeouts are exceeded again and again": Planted({"Clock": KeepsThreeTimeouts}, 3),
    "two timeouts are exceeded again and again": Planted({"Clock": NeverDone}, 2),
    "two timeouts are never exceeded": Planted({"Clock": NoExpiry}, 2),
}
"""Mistakes by which a run does not terminate."""

PLANTED: Mapping[str, Planted] = {
    "the third pending admission is dropped": Planted({"Tracker": DropsThirdPending}, 3),
    "the fourth pending admission is dropped": Planted({"Tracker": DropsFourthPending}, 4, scenario("standard")),
    "the fifth pending admission is dropped": Planted({"Tracker": DropsFifthPending}, 5, scenario("standard")),
    "the sixth pending admission is dropped": Planted({"Tracker": DropsSixthPending}, 6, scenario("standard")),
    "an acceptance omits a client": Planted({"Tracker": OmitsAClient}, 3),
    "no third timeout is set": Planted({"Clock": NoThirdTimeout}, 3),
    "an expiry forgets the others": Planted({"Tracker": ExpiryForgetsTheOthers}, 3),
    "a view drops the third client": Planted({"DistributionView": DropsThirdClient}, 3),
    "no third client is registered": Planted({"DistributionView": RegistersNoThird}, 3),
    "a goodbye removes everybody": Planted({"DistributionView": RemovesEverybody}, 3, scenario("leaving")),
    "an expiry takes the other timeouts away": Planted({"Clock": StopsAnotherTimeout}, 3),
    "an expiry is ignored": Planted({"Tracker": IgnoresExpiry}, 3),
    "a confirmation ends another admission": Planted({"Tracker": ConfirmsForAnother}, 3),
    "requests are awaited too early": Planted({"Tracker": IdleTooEarly}, 3),
    "timeouts are mixed up": Planted({"Tracker": MixesTimeouts}, 3),
    "the broker tells two only": Planted({"Broker": TellsTwoOnly}, 2),
    "a server forgets itself": Planted({"DistributionView": ForgetsItself}, 3),
    "hardened beside as drawn are forgotten": Planted({"Tracker": ForgetsUnnamed}, 2, MIXED),
    "news of some names count as another attempt": Planted({"TorrentServer": LeavesOnNews}, 2),
}
