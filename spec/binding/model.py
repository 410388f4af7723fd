r"""The binding: what ties a diagram's words to the messages and charts that it speaks of.

A binding is read from TOML files. `spec/binding/default.toml` is about the diagrams of this project; files of a user
are laid over it: their label rules and beginnings come first, and what they say of a lifeline replaces ours. The
tables, all optional:

`[[label]]`: which label is which message. The first rule that fits counts; labels are compared without markup and with
single blanks. A label that is itself the name of a message needs no rule.
  `text` or `pattern`: the label, literally, or a regular expression for the whole of it.
  `from`, `to`: the lifelines that the arrow comes from and goes to, where one label means several messages.
  `message`: the message's name; `{name}` is what the pattern's `(?P<name>...)` found.
  `detail`: distinguishes what one message says: a topic, `accepted` and `refused`, the MQTT client that an event is
    about (and the name of its request, after a comma), or what a view holds. Of a message of a chart that is not ours:
    its values, as in `7, "x"`. Without it any is meant. A label `amount(7, "x")` needs no rule.
  `again = true`: the latest such message on the same hop is delivered once more (MQTT 3.1.1, 3.3.1.1: DUP).
  `topic`: where the label says that an event is published; another topic than the event's own is an error.
  `ignored = true`: arrows with this label mean nothing to the charts and are left out.

`[lifeline]`: who plays which lifeline, `Name = { ... }`.
  `chart`: the chart, by its name in `machines` or among those that are given to `spec.check`.
  `like`: a lifeline of another name whose part it plays. All that is said of that one (chart, group, role, where it
  begins, what it may do) holds for this one, too. A `chart` of ours alone means the same where that is one lifeline.
  `group`: the server that it belongs to. In a group of its own, a lifeline gets the rest of its server undrawn: a
  second torrent server has a clock and a view.
  `role`: what the others of the group call it: `client`, `clock`, `view`; or `broker`.
  `client`: its MQTT client identifier.
  `patient = true`: what it sends comes only when nothing else can happen: a clock, of a chart that is not ours.
  `scripted = true`: no chart plays it. It does what is drawn of it, whatever that is, and reads what it is sent: so a
  diagram can show what an MQTT client may do that ours never do. Such a diagram is taken as an example.
  `ignored = true`: it is left out with all its arrows. `environment = true`: its arrows come from outside and go there.

`[chart.Name]`: what the events of a chart are that is not ours, where it does not say so itself by naming them
`?message` and `!message`. `Name` is how it is given to `spec.check`, or its class. Events are named by their ids.
  `sends`, `receives`: `["vote", ...]`; or a table where the messages have other names, `{ vote = "yes" }`.
  `internal`: steps that nobody else sees, `["retry", ...]`.

`[[begin]]`: where diagrams begin; the first rule whose `title` fits counts, and `*` in it stands for anything.
  `title`, and for each lifeline the atomic state that its chart is in (`a/b` where a foreign chart is in two at once).
  Ours are brought there by starting them, without a loss; foreign charts are put there, or begin where they begin.
  `orders = { Name = "Start" }`: what then sets the diagram going from outside.
  `later = ["Name Start", ...]`: orders that come one after the other, each when nothing else can happen.
  `examples = true`: what else can happen there, these diagrams do not say. So that is not looked for, nor whether
  participants who cannot see which branch they are in would mix them.
  `in_full = true`: these diagrams draw all that servers do, also what they ignore. Neither `[[may_be_undrawn]]` nor
  `[environment]` holds there, but for a broker.
  `quiescent = true`: where such a diagram ends nothing is under way, and nobody has anything to send any more.
  `sessions = { Name = "..." }`: what the server of a lifeline is given as its session: it is hardened then.
  `services = { Name = "retry will" }`: what else hardens it, as a service: it asks again once, it leaves its will.
  `endpoints = { Name = "..." }`: the URI where the server of a lifeline serves. Nobody conflicts for another reason.
  `patient = false`: clocks, and other patient lifelines, need not wait there until nothing else can happen.
  `recurring = true`: where these diagrams have ended they may begin again, any number of times.

`[[may_be_undrawn]]`: what may happen without being drawn: `lifelines`, `actions` (`!m`, `?m`, `*`; `-` before one
excepts it), and `why`. Nothing needs to be drawn between a lifeline that is drawn and one that is not. With
`unless_drawn = true` it holds where the diagrams of a use case draw no such message at all: they leave all of them out;
with a list of messages, where they draw none of these.
`[[obligation]]`: what lifelines have to send for what they receive. That needs no drawing. It is a finding if they send
what no obligation asks for, or send it twice, or have a pending obligation and are not about to meet it. That is meant
for those who pass on or answer at once, as a broker does, not for a server that first asks others. `received`: names of
messages, as in `["*", "-CONNECT"]`. `sends`: what each obliges to send, with its detail; `*` stands for anything,
`{topic}` for what the message is about. Without it the message itself is passed on, in the order in which such messages
came. `from`: what must have been sent to the sender before, such as `CONNACK accepted`; what comes from others is
ignored. `to`: the receivers are all who were sent this, such as `SUBACK {topic} accepted`; without it, the sender.
`why`: is quoted where this does not hold.
`[[forgets]]`: `lifelines`, `received` and `why`: messages that end all obligations to their sender, and after which
what it was sent before counts no longer. Where there is nothing of both, they are ignored. With `wills = true` they
oblige to what the sender has left with CONNECT.
`[[ignores]]`: the keys of `[[may_be_undrawn]]`, for what a chart may ignore although a diagram draws that it receives
it. With `states`, patterns likewise, it may so in these atomic states.
`[[publishes]]`: `lifelines`, `messages` and `why`: what the server of a lifeline publishes in a procedure of its own
that its chart does not play. It can do so at any time, and its chart is not changed by it.
`[channels]`: `model`: how messages wait, in both directions of a check: `"receiver"`, one queue for each receiver,
  which is usual; `"pair"`, one for each sender and receiver; `"any"`, in no order. See `spec.system.channels`.
`[routes]`: `commit = ["First", "Second"]`, to whom a message goes that charts send without saying to whom, of whom each
  arrow has one; `"]"` is somebody outside, and `[]` nobody of the diagram. `"Server commit" = [...]` is about what
  one lifeline sends. Without it the diagrams alone say it.
`[payloads]`: `amount = [[7], [8, "x"]]`, the values that a message of a chart that is not ours is sent with, in
  addition to those that diagrams draw.
`[environment]`: `Name = ["Start", ...]`, what can come from outside where a scenario cannot go on without it.
`[needs]`: `TimeoutExceeded = "SetTimeout"`, what a message needs to have come before, from its receiver to its sender.
`[[fault]]`: `message` and `detail` (`*` stands for anything) of what happens only where some diagram draws it, and
  `instead`, the message that usually comes in its place (without it: one of the same name).
`[[interchangeable]]`: `messages` that charts treat the same whatever they are about, and `why`: see
`spec.conformance.reduction`.
`[[early_sends]]`: keys as in `[[may_be_undrawn]]`, for what may be sent before it is drawn to what is drawn to be sent
later.

Nothing here reads a diagram or runs a chart. What a user writes that no chart or lifeline knows is refused by
`spec.binding.refusals`.
"""

import difflib
import fnmatch
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from spec.binding.labels import Ends, LabelRule, Word, normal
from spec.binding.obligations import Forgets, Obligation, fits, of_action

BUILT_IN = "spec/binding/default.toml"
"""Where what stands in the default binding stands: only what others say is checked against the charts."""


Model = Literal["receiver", "pair", "any"]
"""How messages wait: in one queue for each receiver, in one for each pair of lifelines, or in no order."""
MODELS: tuple[Model, ...] = ("receiver", "pair", "any")


NEAR = 0.7
"""How alike a label has to be to one that is known for this to be a hint."""


class BindingError(ValueError):
    """A binding file cannot be used: the message names the file, the place and the remedy."""


@dataclass(frozen=True)
class Fault:
    """A message that happens only where a diagram draws it, in place of another one."""

    message: str
    detail: str = ""
    """Shell pattern; empty: whatever it says."""
    instead: str = ""
    """The message that usually comes in its place; empty: one of the same name."""
    place: str = ""

    def covers(self, message: str, detail: str) -> bool:
        """Whether it is such a message."""
        return self.message == message and (not self.detail or fnmatch.fnmatchcase(detail, self.detail))


@dataclass(frozen=True)
class Player:
    """Who plays a lifeline: a chart by name, in a group of lifelines, under a role; `client` is its MQTT identifier.

    `like` is another lifeline of which the rest holds, too; `patient`: what it sends waits until nothing else can be.
    """

    chart: str
    group: str = ""
    role: str = ""
    client: str = ""
    like: str = ""
    patient: bool = False
    place: str = ""
    scripted: bool = False
    """Whether it does whatever is drawn of it; it has no chart then."""


@dataclass(frozen=True)
class Events:
    """What the events of a chart that is not ours are: ids of events to names of messages, and ids of internal ones."""

    sends: Mapping[str, str] = field(default_factory=dict)
    receives: Mapping[str, str] = field(default_factory=dict)
    internal: tuple[str, ...] = ()
    place: str = ""

    def declared(self) -> dict[str, Any]:
        """The same as arguments of `spec.system.foreign.ForeignMachine`."""
        return {"sends": self.sends, "receives": self.receives, "internal": self.internal}


@dataclass(frozen=True)
class Begin:
    """The atomic state of each lifeline where the diagrams of that title begin, and the orders that set them going.

    `later` are orders that can come one after the other when all is quiet, each as lifeline and order.
    """

    title: str
    states: Mapping[str, str]
    orders: Mapping[str, str]
    place: str = ""
    later: tuple[tuple[str, str], ...] = ()
    examples: bool = False
    """Whether the diagrams of that title are examples: what else can happen there, they do not say."""
    in_full: bool = False
    """Whether they draw all that servers do."""
    quiescent: bool = False
    """Whether nothing is left to happen where they end."""
    sessions: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)
    endpoints: Mapping[str, str] = field(default_factory=dict)
    patient: bool = True
    """Whether what patient lifelines send waits until nothing else can happen."""
    recurring: bool = False
    """Whether these diagrams may begin again where they have ended, any number of times."""


@dataclass(frozen=True)
class MayBeUndrawn:
    """Actions that lifelines may do without being drawn: shell patterns, `-` before one excepts it again."""

    lifelines: frozenset[str]
    actions: tuple[str, ...]
    place: str = ""
    states: tuple[str, ...] = ("*",)
    """The atomic states for which it is said, as patterns likewise."""
    unless_drawn: bool | frozenset[str] = False
    """Whether it holds only where the diagrams draw no such message at all; or none of these messages."""

    def is_left_out(self, message: str, drawn: Collection[str]) -> bool:
        """Whether it holds for a message, as far as that depends on which messages the diagrams draw."""
        if isinstance(self.unless_drawn, bool):
            return not (self.unless_drawn and message in drawn)
        return self.unless_drawn.isdisjoint(drawn)

    def allows(self, lifeline: str, action: str, where: Iterable[str] = ()) -> bool:
        """Whether `lifeline` may do `action`, such as `!StopTimeout`, in a state, or in whichever."""
        if lifeline not in self.lifelines or not fits(action, map(of_action, self.actions)):
            return False
        return all(fits(state, self.states) for state in where)


@dataclass(frozen=True)
class Publishes:
    """What the servers of lifelines publish in procedures that their charts do not play."""

    lifelines: frozenset[str]
    messages: frozenset[str]
    place: str = ""


Row = TypeVar("Row", MayBeUndrawn, Publishes, Obligation, Forgets)


@dataclass(frozen=True)
class Interchangeable:
    """Messages of which charts treat all the same, whatever they are about: see `spec.conformance.reduction`."""

    messages: frozenset[str]
    place: str = ""


@dataclass(frozen=True)
class Binding:
    """All that files say. What it lets happen undrawn is asked of `spec.binding.allowances`."""

    labels: tuple[LabelRule, ...] = ()
    players: Mapping[str, Player] = field(default_factory=dict)
    events: Mapping[str, Events] = field(default_factory=dict)
    """What the events of charts that are not ours are, by the names of the charts."""
    begins: tuple[Begin, ...] = ()
    may_be_undrawn: tuple[MayBeUndrawn, ...] = ()
    ignores: tuple[MayBeUndrawn, ...] = ()
    environment: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    needs: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    """Messages that happen only where a diagram draws them."""
    outside: Mapping[str, "Outside"] = field(default_factory=dict)
    """Lifelines that nobody plays: left out with all their arrows, or part of the environment."""
    interchangeable: tuple[Interchangeable, ...] = ()
    early_sends: tuple[MayBeUndrawn, ...] = ()
    """Sends that need not wait for their turn."""
    publishes: tuple[Publishes, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    forgets: tuple[Forgets, ...] = ()
    channels: Model | None = None
    """How messages wait, see `spec.system.channels`; None: nothing is said, which is one queue for each receiver."""
    routes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The lifelines to which messages go of charts that do not say it themselves."""
    payloads: Mapping[str, tuple[tuple[Any, ...], ...]] = field(default_factory=dict)
    """The values that messages of charts that are not ours are sent with."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Where what a user says stands, as in `environment Lifeline`, `needs message`, `outside Lifeline`."""

    def word(self, label: str, ends: Ends = ("", "")) -> Word | None:
        """The message that a label stands for on an arrow between two lifelines, or None if nothing binds it."""
        text = normal(label)
        return next((word for rule in self.labels if (word := rule.read(text, ends)) is not None), None)

    def ignores_label(self, label: str, ends: Ends = ("", "")) -> bool:
        """Whether arrows with that label, between these lifelines, mean nothing to the charts."""
        text = normal(label)
        return next((rule.ignored for rule in self.labels if rule.read(text, ends) is not None), False)

    def bound_elsewhere(self, label: str) -> list[Ends]:
        """Between which lifelines a label is bound."""
        text = normal(label)
        return [
            (rule.sender, rule.receiver)
            for rule in self.labels
            if (rule.sender or rule.receiver) and rule.pattern.fullmatch(text)
        ]

    @property
    def tells_ends(self) -> bool:
        """Whether one label may mean several messages, by who sends it and who receives it."""
        return any(rule.sender or rule.receiver for rule in self.labels)

    def nearest(self, label: str, others: Iterable[str] = ()) -> str | None:
        """The known label that looks most like this one, of those that are bound literally and of `others`."""
        bound = (rule.shown for rule in self.labels if not (rule.sender or rule.receiver))
        known = {text.lower(): text for text in (*bound, *others)}
        found = difflib.get_close_matches(normal(label).lower(), known, n=1, cutoff=NEAR)
        return known[found[0]] if found else None

    def events_of(self, name: str, chart: type) -> Events:
        """What is said of the events of a chart, which is given under a name."""
        return self.events.get(name) or self.events.get(chart.__name__) or Events()

    def begin(self, title: str) -> Begin:
        """Where a diagram of that title begins; nowhere in particular if no rule fits."""
        fitting = (begin for begin in self.begins if fnmatch.fnmatchcase(title, begin.title.replace("[", "[[]")))
        return next(fitting, Begin(title, {}, {}))

    def is_scripted(self, lifeline: str) -> bool:
        """Whether a lifeline does whatever is drawn of it."""
        player = self.players.get(lifeline)
        return player is not None and player.scripted

    def is_interchangeable(self, message: str) -> bool:
        """Whether charts treat all messages of that name the same."""
        return any(message in interchangeable.messages for interchangeable in self.interchangeable)

    def over(self, base: "Binding") -> "Binding":
        """This binding laid over another: its rules come first, and what it says of a lifeline replaces the other."""
        return Binding(
            labels=self.labels + base.labels,
            players={**{name: p for name, p in base.players.items() if name not in self.outside}, **self.players},
            events={**base.events, **self.events},
            begins=self.begins + base.begins,
            may_be_undrawn=self.may_be_undrawn + base.may_be_undrawn,
            ignores=self.ignores + base.ignores,
            environment={**base.environment, **self.environment},
            needs={**base.needs, **self.needs},
            faults=self.faults + base.faults,
            outside={**{name: o for name, o in base.outside.items() if name not in self.players}, **self.outside},
            interchangeable=self.interchangeable + base.interchangeable,
            early_sends=self.early_sends + base.early_sends,
            publishes=self.publishes + base.publishes,
            obligations=self.obligations + base.obligations,
            forgets=self.forgets + base.forgets,
            channels=self.channels or base.channels,
            routes={**base.routes, **self.routes},
            payloads={**base.payloads, **self.payloads},
            places={**base.places, **self.places},
        )

    def without(self, lifelines: frozenset[str]) -> "Binding":
        """The binding as if our own one said nothing of these lifelines."""

        def kept(rows: tuple[Row, ...]) -> tuple[Row, ...]:
            return tuple(
                replace(row, lifelines=row.lifelines - lifelines) if row.place == BUILT_IN else row for row in rows
            )

        def others(said: Mapping[str, str]) -> dict[str, str]:
            return {name: text for name, text in said.items() if name not in lifelines}

        def begin(row: Begin) -> Begin:
            if row.place != BUILT_IN:
                return row
            later = tuple(each for each in row.later if each[0] not in lifelines)
            return replace(
                row,
                states=others(row.states),
                orders=others(row.orders),
                later=later,
                sessions=others(row.sessions),
                services=others(row.services),
                endpoints=others(row.endpoints),
            )

        return replace(
            self,
            players={name: player for name, player in self.players.items() if name not in lifelines},
            begins=tuple(begin(each) for each in self.begins),
            may_be_undrawn=kept(self.may_be_undrawn),
            ignores=kept(self.ignores),
            early_sends=kept(self.early_sends),
            obligations=kept(self.obligations),
            forgets=kept(self.forgets),
            publishes=kept(self.publishes),
        )


Outside = Literal["ignored", "environment"]
