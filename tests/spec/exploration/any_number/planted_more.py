"""Charts with mistakes of the view, the tracker and the torrent server that show with three servers, or four."""

from dataclasses import replace

from immutabledict import immutabledict

from machines import DistributionView, TorrentServer, Tracker
from machines.calls import (
    AddClient,
    CheckJoin,
    ForgetAdmission,
    JoinPossible,
    RegisterClient,
    RegistrationApplied,
    RemoveClient,
)
from machines.distribution_view import DistributionViewData
from machines.events import ClientJoinAccepted
from spec.exploration.model.scenario import Scenario, scenario
from tests.spec.exploration.any_number.planted import Planted
from tests.spec.exploration.any_number.planted_files import FILES, TWO_RIVALS

STANDARD = scenario("standard")
HARDENED = replace(STANDARD, hardened=True)
LEAVING = Scenario("leaving", timeouts="patient", faults=immutabledict({"stop torrent": 1}))


class PromisesNoThird(DistributionView):
    """A third admission is accepted, and not kept by the view."""

    def judge(self, message: CheckJoin) -> None:
        before = self.data.view.admissions
        super().judge(message)
        if len(before) >= 2:
            self.data = replace(self.data, view=replace(self.data.view, admissions=before))


class AnnouncesNoEndpoints(DistributionView):
    """Where two others are registered a registration is announced without endpoints."""

    def register(self, message: RegisterClient) -> None:
        others = len(self.data.view.clients)
        super().register(message)
        if others >= 2 and isinstance(self.data.answer, RegistrationApplied):
            told = self.data.answer.registered
            info = replace(told.info, endpoints=frozenset())
            self.data = replace(self.data, answer=RegistrationApplied(registered=replace(told, info=info)))


class ForgetsAllPromises(DistributionView):
    """Who fails, or is late, takes the promises of two others along."""

    def forget_admission(self, message: ForgetAdmission) -> None:
        super().forget_admission(message)
        if len(self.data.view.admissions) >= 2:
            self.data = DistributionViewData(replace(self.data.view, admissions=immutabledict()))


class RemovesAnother(DistributionView):
    """A goodbye that leaves two others removes one of them, too, if it was told of before."""

    def remove_client(self, message: RemoveClient) -> None:
        super().remove_client(message)
        clients = self.data.view.clients
        if len(clients) >= 2 and not self.data.view.own.endpoints:
            kept = immutabledict({name: info for name, info in clients.items() if not info.request_id and name == ""})
            self.data = DistributionViewData(replace(self.data.view, clients=kept))


class NumbersAnew(Tracker):
    """With a third admission the numbers of the timeouts are forgotten."""

    def note_admission(self, message: JoinPossible) -> None:
        super().note_admission(message)
        if len(self.data.pending) >= 3:
            self.data = replace(self.data, attempts=immutabledict())


class RegistersWithoutFragments(DistributionView):
    """Where two others are registered, what a third one brings is announced without its fragments."""

    def register(self, message: RegisterClient) -> None:
        others = len(self.data.view.clients)
        super().register(message)
        if others >= 2 and isinstance(self.data.answer, RegistrationApplied):
            told = replace(self.data.answer.registered, added_fragments=immutabledict())
            self.data = replace(self.data, answer=RegistrationApplied(registered=told))


class TakesPromisesOfOthersForNothing(DistributionView):
    """What was promised does not count where somebody else is registered."""

    def judge(self, message: CheckJoin) -> None:
        before, own = self.data.view, {message.request.client}
        if any(name not in own for name in before.clients):
            self.data = DistributionViewData(replace(before, admissions=immutabledict()))
            super().judge(message)
            merged = immutabledict({**before.admissions, **self.data.view.admissions})
            self.data = replace(self.data, view=replace(self.data.view, admissions=merged))
        else:
            super().judge(message)


class HearsOfTwoOnly(TorrentServer):
    """Of an acceptance that tells of three others, it takes two."""

    def note_acceptance(self, message: ClientJoinAccepted) -> None:
        if len(message.clients) > 2:
            kept = immutabledict({name: message.clients[name] for name in sorted(message.clients)[:2]})
            message = replace(message, clients=kept)
        super().note_acceptance(message)


class AddsNoThird(DistributionView):
    """Who knows itself and one more does not take over what a third one is registered for."""

    def add_client(self, message: AddClient) -> None:
        before = self.data.view.clients
        super().add_client(message)
        if len(before) == 2 and message.registered.client not in before:
            info = replace(message.registered.info, request_id="")
            clients = immutabledict({**before, message.registered.client: info})
            self.data = DistributionViewData(replace(self.data.view, clients=clients))


PLANTED_MORE = {
    "a third promise is not kept": Planted({"DistributionView": PromisesNoThird}, 3, STANDARD),
    "a third one is announced without endpoints": Planted({"DistributionView": AnnouncesNoEndpoints}, 3, STANDARD),
    "an expiry forgets the promises of two others": Planted({"DistributionView": ForgetsAllPromises}, 3),
    "a goodbye among three removes all at the tracker": Planted({"DistributionView": RemovesAnother}, 3, LEAVING),
    "a third admission forgets the numbers": Planted({"Tracker": NumbersAnew}, 3),
    "a third one is announced without fragments": Planted({"DistributionView": RegistersWithoutFragments}, 3, FILES),
    "promises count for nothing": Planted({"DistributionView": TakesPromisesOfOthersForNothing}, 3, TWO_RIVALS),
    "an acceptance of three is taken for two": Planted({"TorrentServer": HearsOfTwoOnly}, 4, STANDARD),
    "a third one is known without its request": Planted({"DistributionView": AddsNoThird}, 3, HARDENED),
}
