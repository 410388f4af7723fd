"""Steps of a Distribution View that take long, done in a thread while the loop of the service goes on.

What a view does with thousands of files takes as many microseconds. Such a step is done in a thread; until it is done
the charts of the server do nothing else, and what comes waits in the channel of the MQTT client. So what happens, in
whatever order, is what would happen if the step took no time.
"""

from machines.calls import (
    AddClient,
    ChangeView,
    CheckJoin,
    DescribeView,
    Message,
    RegisterClient,
    ViewChanged,
)
from machines.distribution_view import DistributionViewData
from machines.events import BusEvent
from machines.participant import Decision, Participant
from runtime.stepping import received

MANY = 2000
"""Entries that a step has to do with, from which on it is done in a thread."""
FIELDS = (
    "known_file_infos",
    "stored_fragments",
    "add_file_infos",
    "add_fragment_infos",
    "added_files",
    "added_fragments",
    "clients",
)
"""The fields of events that can hold many entries."""


def entries(event: BusEvent | None) -> int:
    """How many entries of files, fragments and clients an event tells of."""
    return sum(len(value) for value in (getattr(event, name, ()) for name in FIELDS) if value)


def is_large(message: Message, data: DistributionViewData) -> bool:
    """Whether a step takes long in which a view with these data receives a message, or sends it."""
    view = data.view
    known = len(view.files) + len(view.fragments)
    match message:
        case AddClient():
            return entries(message.registered) > MANY
        case CheckJoin():
            return known + entries(message.request) > MANY
        case ChangeView():
            return known + entries(message.acceptance) > MANY
        case ViewChanged():
            return known + entries(data.acceptance) > MANY
        case RegisterClient():
            admission = view.admissions.get(message.client)
            return admission is not None and known + len(admission.files) + len(admission.fragments) > MANY
        case DescribeView():
            return known > MANY
    return False


def receive(view: Participant, message: Message) -> tuple[Decision, str]:
    """What a view did with a message; what it answers is known then, too."""
    outcome = received(view, message)
    view.due()  # remembered: to ask again takes no time
    return outcome
