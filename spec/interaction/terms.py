"""Interaction terms: immutable, and each made once, so that equal terms are identical and comparing is free.

A term knows at birth what the semantics asks most often: whose actions it holds (`lifelines`), which lifelines act in
every trace of it (`must`; never too many), who may act first (`starters`; never too few), and which lifelines a
critical region that has begun keeps for itself (`held`). Sequences are lists, `Seq(head, tail)`, and whatever walks
along one does so in a loop, since diagrams can be long; only nesting recurses, and the reader bounds that.

Terms are made by the functions below, which also simplify: `seq()` is empty, `alt(x, x)` is `x`, and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal, TypeVar, cast
from weakref import WeakValueDictionary

Lifelines = frozenset[str]
NOBODY: Lifelines = frozenset()


@dataclass(frozen=True, slots=True)
class Action:
    """One end of an arrow on one lifeline: `!` it sends, `?` it receives; or `ref`, its part in what is not expanded.

    `peer` is the lifeline at the other end, None for the environment. `way` is 1 for the way back of a `<->`.
    """

    kind: Literal["!", "?", "ref"]
    lifeline: str
    label: str
    peer: str | None = None
    line: int = 0
    file: str = ""
    lost: bool = False
    way: int = 0

    def __hash__(self) -> int:
        return hash((self.kind, self.lifeline, self.label, self.line))

    @property
    def arrow(self) -> tuple[str, int, int]:
        """What a receive shares with its send: the arrow as it is drawn.

        An arrow in a loop, or in a diagram that is referred to twice, occurs many times under one id, or state spaces
        would not be finite. The n-th receive of an arrow belongs to its n-th send.
        """
        return (self.file, self.line, self.way)

    def __str__(self) -> str:
        label = " ".join(self.label.split())
        if self.kind == "ref":
            return f"{self.lifeline} ref {label}"
        peer = "" if self.peer is None else f" {'to' if self.kind == '!' else 'from'} {self.peer}"
        return f"{self.lifeline} {self.kind}{label}{peer}{' (lost)' if self.lost else ''}"


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Term:
    """What is still to happen. It `refers` to definitions, which are not looked into before that is needed, and is
    `strictly` ordered if there is more strict order in it than that of an arrow.
    """

    lifelines: Lifelines = field(init=False, repr=False, default=NOBODY)
    must: Lifelines = field(init=False, repr=False, default=NOBODY)
    starters: Lifelines = field(init=False, repr=False, default=NOBODY)
    held: Lifelines = field(init=False, repr=False, default=NOBODY)
    refers: frozenset[Definition] = field(init=False, repr=False, default=frozenset())
    strictly: bool = field(init=False, repr=False, default=False)
    size: int = field(init=False, repr=False, default=1)
    """Of how many terms it is made, not through references."""

    def _acts(self, lifelines: Lifelines, must: Lifelines, starters: Lifelines) -> None:
        object.__setattr__(self, "lifelines", lifelines)
        object.__setattr__(self, "must", must)
        object.__setattr__(self, "starters", starters)

    def _holds(self, *parts: Term) -> None:
        """What is true of a term because it is true of its parts."""
        object.__setattr__(self, "size", 1 + sum(part.size for part in parts))
        for part in parts:
            if part.held:
                object.__setattr__(self, "held", self.held | part.held)
            if part.refers:
                object.__setattr__(self, "refers", self.refers | part.refers)
            if part.strictly:
                object.__setattr__(self, "strictly", True)

    def __repr__(self) -> str:
        return text(self)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Empty(Term):
    """Nothing is to happen."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Act(Term):
    """One action."""

    action: Action

    def __post_init__(self) -> None:
        only = frozenset({self.action.lifeline})
        self._acts(only, only, only)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Seq(Term):
    """Weak sequence: on each lifeline the head before the tail. The head is no `Seq`, the tail is not empty."""

    head: Term
    tail: Term

    def __post_init__(self) -> None:
        head, tail = self.head, self.tail
        self._acts(
            head.lifelines | tail.lifelines,
            head.must | tail.must,
            head.starters | (tail.starters - head.must),
        )
        self._holds(head, tail)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Strict(Term):
    """Strict sequence: all of the head before any of the tail. An arrow is one: the send before its receive."""

    head: Term
    tail: Term

    def __post_init__(self) -> None:
        head, tail = self.head, self.tail
        self._acts(
            head.lifelines | tail.lifelines,
            head.must | tail.must,
            head.starters if head.must else head.starters | tail.starters,
        )
        self._holds(head, tail)
        if not (isinstance(head, Act) and isinstance(tail, Act) and _are_one_arrow(head.action, tail.action)):
            object.__setattr__(self, "strictly", True)


def _are_one_arrow(send: Action, receive: Action) -> bool:
    """Whether these are the two ends of an arrow; any other order of two actions somebody else can notice."""
    ends = (send.kind, send.lifeline, send.peer, send.label, send.arrow)
    return ends == ("!", receive.peer, receive.lifeline, receive.label, receive.arrow) and receive.kind == "?"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Alt(Term):
    """One of the branches, whichever anybody's first action in it makes it be."""

    branches: tuple[Term, ...]

    def __post_init__(self) -> None:
        self._acts(
            NOBODY.union(*[each.lifelines for each in self.branches]),
            self.branches[0].must.intersection(*[each.must for each in self.branches]),
            NOBODY.union(*[each.starters for each in self.branches]),
        )
        self._holds(*self.branches)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Par(Term):
    """All parts, without any order between them."""

    parts: tuple[Term, ...]

    def __post_init__(self) -> None:
        self._acts(
            NOBODY.union(*[each.lifelines for each in self.parts]),
            NOBODY.union(*[each.must for each in self.parts]),
            NOBODY.union(*[each.starters for each in self.parts]),
        )
        self._holds(*self.parts)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Loop(Term):
    """From `low` to `high` times the body (None: any number), weakly sequenced."""

    body: Term
    low: int
    high: int | None

    def __post_init__(self) -> None:
        body = self.body
        self._acts(body.lifelines, body.must if self.low else NOBODY, body.starters)
        self._holds(body)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Critical(Term):
    """The body, uninterrupted by what is concurrent to it: on a lifeline where it `has_begun` nobody else may act."""

    body: Term
    has_begun: Lifelines

    def __post_init__(self) -> None:
        body = self.body
        self._acts(body.lifelines, body.must, body.starters)
        self._holds(body)
        object.__setattr__(self, "held", self.has_begun)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Ref(Term):
    """What stands elsewhere, fetched when something in it may happen."""

    definition: Definition

    def __post_init__(self) -> None:
        lifelines = self.definition.lifelines
        self._acts(lifelines, NOBODY, lifelines)
        object.__setattr__(self, "refers", frozenset({self.definition}))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class UnspecifiedReception(Term):
    """A fragment without a meaning: an error as soon as what it does is asked for."""

    message: str
    line: int
    file: str
    concerned: Lifelines

    def __post_init__(self) -> None:
        self._acts(self.concerned, NOBODY, self.concerned)


class Definition:
    """What references refer to: a name, everybody who may act in it, and a body made when first asked for."""

    def __init__(self, name: str, lifelines: Lifelines, make: Callable[[], Term]) -> None:
        self.name = name
        self.lifelines = lifelines
        self._make = make
        self._variants: dict[object, Definition] = {}

    @cached_property
    def body(self) -> Term:
        """What it stands for. May refer to itself."""
        return self._make()

    def variant(self, key: object, lifelines: Lifelines, change: Callable[[Term], Term]) -> Definition:
        """The same with a changed body; one for each key, so that what refers to itself still does."""
        if key not in self._variants:
            self._variants[key] = Definition(self.name, lifelines, lambda: change(self.body))
        return self._variants[key]


T = TypeVar("T", bound=Term)
_made: WeakValueDictionary[tuple[object, ...], Term] = WeakValueDictionary()


def _the(kind: Callable[..., T], *fields: object) -> T:
    key = (kind, *fields)
    found = _made.get(key)
    if found is None:
        found = _made.setdefault(key, kind(*fields))
    return cast("T", found)


EMPTY: Term = Empty()


def act(action: Action) -> Term:
    """One action."""
    return _the(Act, action)


def seq(*terms: Term) -> Term:
    """The terms one after the other, weakly."""
    result = EMPTY
    for term in reversed(terms):
        if result is EMPTY:
            result = term
        elif type(term) is Seq:
            for part in reversed(list(chain(term))):
                result = _before(part, result)
        elif term is not EMPTY:
            result = _before(term, result)
    return result


def _before(term: Term, rest: Term) -> Term:
    """A term in front of others; nothing if it is any number of rounds that those that follow it allow, too."""
    following = rest.head if type(rest) is Seq else rest
    if type(term) is Loop and type(following) is Loop and (term.low, term.high, following.high) == (0, None, None):
        return rest if alt(following.body, term.body) is following.body else _the(Seq, term, rest)
    return _the(Seq, term, rest)


def strict(*terms: Term) -> Term:
    """The terms one after the other, strictly."""
    result = EMPTY
    for term in reversed(terms):
        if result is EMPTY:
            result = term
        elif type(term) is Strict:
            for part in reversed(list(chain(term))):
                result = _the(Strict, part, result)
        elif term is not EMPTY:
            result = _the(Strict, term, result)
    return result


def alt(*terms: Term) -> Term:
    """One of the terms."""
    flat = [branch for term in terms for branch in (term.branches if isinstance(term, Alt) else (term,))]
    branches = tuple(dict.fromkeys(flat))
    return branches[0] if len(branches) == 1 else _the(Alt, branches)


def opt(term: Term) -> Term:
    """The term, or nothing."""
    return alt(term, EMPTY)


def par(*terms: Term) -> Term:
    """All terms, in no order."""
    parts: list[Term] = []
    for term in terms:
        if type(term) is Par:
            parts += term.parts
        elif term is not EMPTY:
            parts.append(term)
    if not parts:
        return EMPTY
    return parts[0] if len(parts) == 1 else _the(Par, tuple(parts))


def par_with(parts: tuple[Term, ...], index: int, instead: Term) -> Term:
    """The parts in no order, with another in place of one of them; the parts are those of a `Par`."""
    changed = (*parts[:index], instead, *parts[index + 1 :])
    return par(*changed) if instead is EMPTY or type(instead) is Par else _the(Par, changed)


def loop(body: Term, low: int = 0, high: int | None = None) -> Term:
    """The body again and again."""
    if body is EMPTY or high == 0:
        return EMPTY
    if (low, high) == (1, 1):
        return body
    return _the(Loop, body, low, high)


def critical(body: Term, has_begun: Lifelines = NOBODY) -> Term:
    """The body as a critical region; simply the body if nobody who has not begun in it acts there more than once."""
    has_begun &= body.lifelines
    if body is EMPTY or (not has_begun and _is_one_action_each(body)):
        return body
    return _the(Critical, body, has_begun)


def _is_one_action_each(term: Term) -> bool:
    ends = [part.action.lifeline for part in chain(term) if isinstance(part, Act)]
    return isinstance(term, Act | Strict) and not term.strictly and len(ends) == len(set(ends))


def refer(definition: Definition) -> Term:
    """What the definition stands for; nothing where nobody acts in it."""
    return _the(Ref, definition) if definition.lifelines else EMPTY


def refused(message: str, line: int, file: str, concerned: Lifelines) -> Term:
    """A fragment that has no meaning; `concerned` are those who would act in it."""
    return _the(UnspecifiedReception, message, line, file, concerned)


def chain(term: Term) -> Iterator[Term]:
    """The members of a (weak or strict) sequence; a term that is none is its only member."""
    kind = type(term)
    if kind is Seq or kind is Strict:
        while type(term) is kind:
            pair = cast("Seq", term)
            yield pair.head
            term = pair.tail
    yield term


def children(term: Term) -> Iterable[Term]:
    """The terms that a term is made of, not through references."""
    match term:
        case Seq() | Strict():
            return chain(term)
        case Alt(branches=parts) | Par(parts=parts):
            return parts
        case Loop(body=body) | Critical(body=body):
            return (body,)
        case _:
            return ()


def referred(term: Term) -> tuple[Definition, ...]:
    """All definitions that a term refers to, itself or by way of others."""
    return _referred(term.refers) if term.refers else ()


@lru_cache(1 << 10)
def _referred(definitions: frozenset[Definition]) -> tuple[Definition, ...]:
    found = list(definitions)
    for each in found:
        found += [other for other in each.body.refers if other not in found]
    return tuple(found)


def text(term: Term) -> str:
    """A term to be read by people: `seq(A !m to B, loop(…))`."""
    match term:
        case Empty():
            return "nothing"
        case Act(action=action):
            return str(action)
        case Ref(definition=definition):
            return f"ref({definition.name})"
        case UnspecifiedReception(message=message):
            return f"refused({message})"
        case Loop(low=low, high=high, body=body):
            return f"loop({low}, {'*' if high is None else high}, {text(body)})"
        case _:
            return f"{type(term).__name__.lower()}({', '.join(text(part) for part in children(term))})"
