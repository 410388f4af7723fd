"""What is not known of a tracker's view, and what its answers tell of it.

A monitor is not told which files a tracker had in store when it started, or what its fragment size is. It learns it:
the first acceptance lists every file that the client did not name, so from there on only those are in doubt that the
client named with the very metadata that the tracker may have, too. `resolved` makes of a view with doubts those views
without that the tracker can have if it answers as was seen; the charts then say whether that answer is right. What is
still in doubt after that makes no difference to the answer.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from immutabledict import immutabledict

from machines import rules
from machines.calls import JoinConflicts
from machines.events import (
    BusEvent,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinRequested,
    ClientRegistered,
    Files,
    Fragments,
    ReasonCode,
)
from machines.rules import View

M = TypeVar("M")
UNKNOWN = ""
"""In place of a hash algorithm that is not known."""


@dataclass(frozen=True, slots=True)
class Doubts:
    """What a tracker may hold beside what its view says.

    `files` and `fragments`: it holds them with just this metadata, or not at all. `is_open`: it may hold others, too.
    `sizes` and `algorithms` are those that it is known not to have, where its own are not known.
    """

    files: Files = field(default_factory=immutabledict)
    fragments: Fragments = field(default_factory=immutabledict)
    is_open: bool = True
    sizes: frozenset[int] = frozenset()
    algorithms: frozenset[str] = frozenset()


EVERYTHING = Doubts()
UNTOLD = View(UNKNOWN)
"""The view of a tracker of which nothing is known."""


def settled(view: View, doubts: Doubts) -> Doubts | None:
    """The doubts that are left; None where there are none."""
    if doubts.is_open or doubts.files or doubts.fragments or view.fragment_size is None:
        return doubts
    return None


def judged(
    view: View, doubts: Doubts, request: ClientJoinRequested, seen: BusEvent | None, *, leaves_open: bool = False
) -> Iterator[tuple[View, Doubts, tuple[ReasonCode, ...]]]:
    """The views that a tracker can have that answers a request as was `seen`, with the doubts that are left after it.

    `seen` None: the answer was lost, and nobody knows which it was. With each view come the reasons with which the
    tracker can deny the request; none if it accepts. `leaves_open`: what was promised need not count as taken, and of
    several conflicts any may be named.
    """
    if seen is None or isinstance(seen, ClientJoinAccepted):
        size = view.fragment_size or (seen.fragment_size if seen else request.fragment_size or 1)
        algorithm = view.hash_algorithm or request.hash_algorithm
        if size not in doubts.sizes and algorithm.casefold() not in doubts.algorithms:
            accepting = replace(view, fragment_size=size, hash_algorithm=algorithm)
            asked = unpromised(accepting, request.client) if leaves_open else accepting
            if not reasons(asked, request):
                yield (*_accepting(accepting, doubts, request, seen), ())
    if seen is None or isinstance(seen, ClientJoinDenied):
        yield from _denying(view, doubts, request, seen, is_first=not leaves_open)


def registered(view: View, doubts: Doubts, client: str, seen: BusEvent | None) -> tuple[View, Doubts]:
    """The view of a tracker that registers a client as was seen, and the doubts that are left after that."""
    admission = view.admissions.get(client)
    if admission is None:
        return view, doubts
    known = seen if isinstance(seen, ClientRegistered) else None
    files = {} if known is None else _kept_back(admission.files, known.added_files, doubts.files, doubts)
    parts = {} if known is None else _kept_back(admission.fragments, known.added_fragments, doubts.fragments, doubts)
    then = replace(view, files=_joined(view.files, files), fragments=_joined(view.fragments, parts))
    # Once the client is registered the tracker holds whatever it brought.
    left = replace(
        doubts, files=_less(doubts.files, admission.files), fragments=_less(doubts.fragments, admission.fragments)
    )
    return then, left


def reasons(view: View, request: ClientJoinRequested) -> tuple[ReasonCode, ...]:
    """Each reason for which this view denies this request."""
    alone = (
        replace(request, hash_algorithm=view.hash_algorithm, endpoints=frozenset()),
        replace(request, fragment_size=None, endpoints=frozenset()),
        replace(request, fragment_size=None, hash_algorithm=view.hash_algorithm),
    )
    answers = [rules.admit(view, one)[1] for one in alone]
    return tuple(answer.reason_code for answer in answers if isinstance(answer, JoinConflicts))


def unpromised(view: View, client: str) -> View:
    """A view as one has it to whom the endpoints that were promised to other clients are free."""
    admissions = {
        name: one if name == client else replace(one, info=replace(one.info, endpoints=frozenset()))
        for name, one in view.admissions.items()
    }
    return replace(view, admissions=immutabledict(admissions))


def _denying(
    view: View, doubts: Doubts, request: ClientJoinRequested, seen: ClientJoinDenied | None, *, is_first: bool
) -> Iterator[tuple[View, Doubts, tuple[ReasonCode, ...]]]:
    """As above, where the answer is a denial."""
    size, algorithm = request.fragment_size, request.hash_algorithm
    fitting = replace(
        view, fragment_size=view.fragment_size or size or 1, hash_algorithm=view.hash_algorithm or algorithm
    )
    certain = reasons(fitting, request)
    possible: list[ReasonCode] = []
    for code, unsure in (
        (ReasonCode.WRONG_FRAGMENT_SIZE, view.fragment_size is None and size is not None),
        (ReasonCode.WRONG_HASH_ALGORITHM, view.hash_algorithm == UNKNOWN),
        (ReasonCode.ENDPOINT_CONFLICT, False),
    ):
        if code in certain or unsure:
            possible.append(code)
        if code in certain and is_first:
            break  # the first conflict that there is gives the reason
    if not possible or (seen is not None and seen.reason_code not in possible):
        return
    left = doubts
    given = None if seen is None else seen.reason_code
    if given is ReasonCode.WRONG_FRAGMENT_SIZE and view.fragment_size is None and size is not None:
        left = replace(left, sizes=left.sizes | {size})
    if given is ReasonCode.WRONG_HASH_ALGORITHM and view.hash_algorithm == UNKNOWN:
        left = replace(left, algorithms=left.algorithms | {algorithm.casefold()})
    yield view, left, tuple(possible if given is None else [given])


def _accepting(
    accepting: View, doubts: Doubts, request: ClientJoinRequested, seen: ClientJoinAccepted | None
) -> tuple[View, Doubts]:
    promised = accepting.admissions.values()
    if seen is None:
        return accepting, doubts
    files, unsure = _resolved(
        accepting.files,
        doubts.files,
        request.known_file_infos,
        {key: value for one in promised for key, value in one.files.items()},
        seen.add_file_infos,
        seen.remove_file_infos,
        is_open=doubts.is_open,
    )
    parts, unsure_parts = _resolved(
        accepting.fragments,
        doubts.fragments,
        request.stored_fragments,
        {key: value for one in promised for key, value in one.fragments.items()},
        seen.add_fragment_infos,
        seen.remove_fragment_infos,
        is_open=doubts.is_open,
    )
    then = replace(accepting, files=files, fragments=parts)
    return then, Doubts(unsure, unsure_parts, is_open=False)


def _resolved(
    held: Mapping[str, M],
    doubtful: Mapping[str, M],
    told: Mapping[str, M],
    promised: Mapping[str, M],
    added: Mapping[str, M],
    removed: frozenset[str],
    *,
    is_open: bool,
) -> tuple[immutabledict[str, M], immutabledict[str, M]]:
    """What a tracker holds that let a client add and remove these, and what it may hold."""
    known = dict(held)
    unsure: dict[str, M] = {}
    for key, metadata in added.items():
        if key in known:
            continue
        if key in told and promised.get(key) == metadata:
            if is_open or key in doubtful:
                unsure[key] = metadata  # it is replaced for what was promised, whether the tracker holds it or not
        elif is_open or key in doubtful:
            known[key] = metadata
    unsure |= {
        key: metadata
        for key, metadata in told.items()
        if key not in known and key not in removed and (is_open or doubtful.get(key) == metadata)
    }
    return immutabledict(known), immutabledict(unsure)


def _kept_back(
    brought: Mapping[str, M], announced: Mapping[str, M], doubtful: Mapping[str, M], doubts: Doubts
) -> dict[str, M]:
    """What a client brought that was not announced as new, so that the tracker held it before."""
    return {
        key: metadata
        for key, metadata in brought.items()
        if key not in announced and (doubts.is_open or doubtful.get(key) == metadata)
    }


def _joined(first: Mapping[str, M], second: Mapping[str, M]) -> immutabledict[str, M]:
    return immutabledict({**first, **second})


def _less(mapping: Mapping[str, M], keys: Mapping[str, M]) -> immutabledict[str, M]:
    return immutabledict({key: value for key, value in mapping.items() if key not in keys})
