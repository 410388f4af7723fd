"""Charts with mistakes about files that show with three torrent servers, or four; and one about rivals."""

from dataclasses import replace
from typing import Any

from immutabledict import immutabledict

from machines import DistributionView, TorrentServer
from machines.calls import AddClient, CheckJoin, JoinPossible, RegisterClient, RegistrationApplied
from machines.distribution_view import DistributionViewData
from machines.events import ClientJoinAccepted
from spec.exploration.model.scenario import Scenario
from tests.spec.exploration.any_number.planted import Planted

FILES = Scenario("files", timeouts="patient", files=True)
TWO_RIVALS = Scenario("two rivals", timeouts="patient", torrents=3, conflicting=2, fixed=frozenset({"conflicting"}))


class OmitsAFile(DistributionView):
    """An acceptance leaves out the first of two or more files."""

    def judge(self, message: CheckJoin) -> None:
        super().judge(message)
        answer = self.data.answer
        if isinstance(answer, JoinPossible) and len(answer.acceptance.add_file_infos) >= 2:
            files = answer.acceptance.add_file_infos
            kept = immutabledict({name: files[name] for name in sorted(files)[1:]})
            self.data = replace(
                self.data, answer=JoinPossible(acceptance=replace(answer.acceptance, add_file_infos=kept))
            )


class BringsOfTheFirstOnly(DistributionView):
    """With two other admissions pending a registration tells of no files."""

    def register(self, message: RegisterClient) -> None:
        view = self.data.view
        others, files = {name for name in view.admissions if name != message.client}, view.files
        super().register(message)
        if len(others) >= 2:
            assert isinstance(self.data.answer, RegistrationApplied)
            registered = replace(self.data.answer.registered, added_files=immutabledict())
            self.data = replace(
                self.data, view=replace(self.data.view, files=files), answer=RegistrationApplied(registered=registered)
            )


class ForgetsAFile(DistributionView):
    """With a third client a tracker forgets the file of one that was registered before."""

    def register(self, message: RegisterClient) -> None:
        super().register(message)
        if len(self.data.view.clients) >= 3:
            mine = f"{message.client}-file"
            first = sorted(name for name in self.data.view.files if name != mine)[:1]
            files = {name: file for name, file in self.data.view.files.items() if name not in first}
            self.data = replace(self.data, view=replace(self.data.view, files=immutabledict(files)))


class KeepsNoThirdFragment(DistributionView):
    """Where fragments of two others are known, that of a third client is not taken over."""

    def add_client(self, message: AddClient) -> None:
        before, own = self.data.view.fragments, self.data.view.own.stored_fragments
        super().add_client(message)
        if len(before.keys() - own) >= 2:
            self.data = DistributionViewData(replace(self.data.view, fragments=before))


class StoresForAnother(TorrentServer):
    """A server keeps of each client that it is told of the fragments of all the others."""

    def note_acceptance(self, message: ClientJoinAccepted) -> None:
        every = frozenset(one for info in message.clients.values() for one in info.stored_fragments)
        clients: Any = {name: replace(info, stored_fragments=every) for name, info in message.clients.items()}
        super().note_acceptance(replace(message, clients=immutabledict(clients)))


class AdmitsRivalsAmongOthers(DistributionView):
    """Where somebody else is registered, of two rivals both are admitted."""

    def judge(self, message: CheckJoin) -> None:
        clients, mine = self.data.view.clients, message.request.endpoints
        if any(info.endpoints.isdisjoint(mine) for info in clients.values()):
            others = immutabledict({name: info for name, info in clients.items() if info.endpoints.isdisjoint(mine)})
            self.data = DistributionViewData(replace(self.data.view, clients=others))
            super().judge(message)
            self.data = replace(self.data, view=replace(self.data.view, clients=clients))
        else:
            super().judge(message)


PLANTED_FILES = {
    "an acceptance omits a file": Planted({"DistributionView": OmitsAFile}, 3, FILES),
    "two others pending, and no file is told of": Planted({"DistributionView": BringsOfTheFirstOnly}, 3, FILES),
    "a third client makes the tracker forget a file": Planted({"DistributionView": ForgetsAFile}, 3, FILES),
    "no third fragment is taken over": Planted({"DistributionView": KeepsNoThirdFragment}, 4, FILES),
    "fragments are held of three at once": Planted({"TorrentServer": StoresForAnother}, 3, FILES),
    "two rivals among others are both admitted": Planted({"DistributionView": AdmitsRivalsAmongOthers}, 3, TWO_RIVALS),
}
