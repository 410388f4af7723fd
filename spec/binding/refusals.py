"""What a user's binding says that cannot be: names of lifelines, charts, messages and actions that nobody knows.

Such a row would hold for nobody, and a check would pass it over in silence. Rows of the default binding are not looked
at: its lifelines need not be on stage.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from spec.binding.model import BUILT_IN, Binding, BindingError, MayBeUndrawn, Player, Publishes
from spec.binding.obligations import Forgets, Obligation, fits, of_action
from spec.hints import near_to

Actions = Mapping[str, frozenset[str]]
"""What charts do, as `!message` and `?message`, by the name that each is given under."""


def refuse_unknown(
    binding: Binding,
    actions: Actions,
    states: Mapping[str, frozenset[str]],
    classes: Mapping[str, str],
    ours: Collection[str],
) -> None:
    """Raise `BindingError` where a user's file names a lifeline, a chart, a message or an action that nobody knows.

    `actions` are those of the charts and `states` their atomic states, where these are known; `classes` the names of
    their classes; `ours` the names of those that are ours.
    """
    _lifelines(binding)
    for name, player in binding.players.items():
        if player.place not in {"", BUILT_IN}:
            _player(name, player, classes, ours)
    for name, outside in binding.outside.items():
        if name in classes:
            raise BindingError(
                f"{binding.places.get(f'outside {name}', name)}: {outside}, but a chart is given for it: "
                "leave out one of the two"
            )
    _messages(binding, {action[1:] for said in actions.values() for action in said})
    _actions(binding, actions)
    _states(binding, states)
    _servers(binding, ours)


def _stands(place: str) -> bool:
    """Whether a user wrote what stands there."""
    return place not in {"", BUILT_IN}


def _lifelines(binding: Binding) -> None:
    known = {*binding.players, *binding.outside}

    def refuse(names: Iterable[str], place: str) -> None:
        for name in names:
            if place != BUILT_IN and name not in known:
                raise BindingError(
                    f"{place or 'the binding'}: no lifeline {name!r}{near_to(name, known)}; "
                    "mend the name or add it to [lifeline]"
                )

    for rule in binding.labels:
        refuse((name for name in (rule.sender, rule.receiver) if name), rule.place)
    for begin in binding.begins:
        refuse((*begin.states, *begin.orders, *(name for name, _ in begin.later)), begin.place)
        refuse((*begin.sessions, *begin.services, *begin.endpoints), begin.place)
    rows: list[MayBeUndrawn | Publishes | Obligation | Forgets] = [*binding.may_be_undrawn, *binding.ignores]
    rows += [*binding.early_sends, *binding.publishes, *binding.obligations, *binding.forgets]
    for row in rows:
        refuse(sorted(row.lifelines), row.place)
    for message, to in binding.routes.items():
        senders = message.split()[:-1]
        refuse([*senders, *(name for name in to if name != "]")], binding.places.get(f"routes {message}", BUILT_IN))
    for name in binding.environment:
        refuse((name,), binding.places.get(f"environment {name}", BUILT_IN))


def _player(name: str, player: Player, classes: Mapping[str, str], ours: Collection[str]) -> None:
    """Raise `BindingError` if a lifeline is to be played by a chart that there is not, or by two."""
    known = {*classes, *classes.values()}
    if player.scripted:
        if name in classes:
            raise BindingError(f"{player.place}: scripted, but a chart is given for it: leave out one of the two")
    elif player.chart not in known and not (name in classes and player.like):
        raise BindingError(
            f"{player.place}: no chart {player.chart!r}{near_to(player.chart, known)}; "
            f"there are {', '.join(sorted(classes))}; charts of your own are given to spec.check"
        )
    elif name in classes and not player.like and player.chart not in {name, classes[name], *ours}:
        raise BindingError(
            f"{player.place}: chart = {player.chart!r}, but the charts that are given say that {classes[name]} plays "
            f"{name}: leave out one of the two"
        )


def _messages(binding: Binding, messages: Collection[str]) -> None:
    for message, place in _named(binding):
        if _stands(place) and message not in messages:
            raise BindingError(f"{place}: no chart has a message {message!r}{near_to(message, messages)}")


def _named(binding: Binding) -> Iterator[tuple[str, str]]:
    """Each message that is named without a wildcard, with the place."""
    for rule in binding.labels:
        if not rule.ignored and "{" not in rule.message:
            yield rule.message, rule.place
    for alike in binding.interchangeable:
        yield from ((message, alike.place) for message in sorted(alike.messages))
    for published in binding.publishes:
        yield from ((message, published.place) for message in sorted(published.messages))
    stated: list[Obligation | Forgets] = [*binding.obligations, *binding.forgets]
    for each in stated:
        yield from ((name.removeprefix("-"), each.place) for name in each.received if "*" not in name)
        if isinstance(each, Obligation):
            said = (each.sends, each.sender, each.to)
            yield from ((text.partition(" ")[0], each.place) for text in said if text)
    for row in binding.may_be_undrawn:
        if not isinstance(row.unless_drawn, bool):
            yield from ((message, row.place) for message in sorted(row.unless_drawn))
    for fault in binding.faults:
        yield from ((message, fault.place) for message in (fault.message, fault.instead) if message)
    for kind, said_of in (("routes", binding.routes), ("payloads", binding.payloads)):
        yield from ((name.rpartition(" ")[2], binding.places.get(f"{kind} {name}", BUILT_IN)) for name in said_of)
    for message, before in binding.needs.items():
        yield from ((each, binding.places.get(f"needs {message}", BUILT_IN)) for each in (message, before))


def _of(name: str, player: Player, actions: Actions) -> frozenset[str]:
    """What a lifeline can do by its chart."""
    return actions.get(name, actions.get(player.chart, frozenset()))


def _orders(binding: Binding) -> Iterator[tuple[str, str, str]]:
    """What comes from outside: lifeline, message and place."""
    for begin in binding.begins:
        place = begin.place or "[[begin]]"
        yield from ((name, order, f"{place} orders") for name, order in begin.orders.items())
        yield from ((name, order, f"{place} later") for name, order in begin.later)
    for name, brought in binding.environment.items():
        place = binding.places.get(f"environment {name}", BUILT_IN)
        yield from ((name, order, place) for order in brought)


def _actions(binding: Binding, actions: Actions) -> None:
    """Raise `BindingError` for a row about actions of which no lifeline of it has one."""
    for name, order, place in _orders(binding):
        if not place.startswith(BUILT_IN) and name in binding.players and not binding.players[name].scripted:
            takes = sorted(each[1:] for each in _of(name, binding.players[name], actions) if each[0] == "?")
            if order not in takes:
                raise BindingError(
                    f"{place}: {name} cannot receive {order!r}{near_to(order, takes)}; there are {', '.join(takes)}"
                )
    for row in (*binding.may_be_undrawn, *binding.ignores, *binding.early_sends):
        if not _stands(row.place):
            continue
        players = {name: binding.players[name] for name in row.lifelines if name in binding.players}
        if not players or any(player.scripted for player in players.values()):
            continue
        can = {each for name, player in players.items() for each in _of(name, player, actions)}
        for said in row.actions:
            pattern = said.removeprefix("-")
            if not any(fits(action, (of_action(pattern),)) for action in can):
                raise BindingError(
                    f"{row.place} actions: {', '.join(sorted(players))} can do no {pattern!r}{near_to(pattern, can)}; "
                    f"there are {', '.join(sorted(can))}"
                )


def _states(binding: Binding, states: Mapping[str, frozenset[str]]) -> None:
    """Raise `BindingError` for a row about atomic states of which no lifeline of it has one."""
    for row in binding.ignores:
        players = [binding.players[name] for name in row.lifelines if name in binding.players]
        if not _stands(row.place) or any(player.scripted for player in players):
            continue
        each = [
            states.get(name, states.get(binding.players[name].chart)) for name in row.lifelines & {*binding.players}
        ]
        known = {state for some in each for state in some or ()}
        for said in row.states if all(some is not None for some in each) else ():
            if not any(fits(state, (said.removeprefix("-"),)) for state in known):
                raise BindingError(
                    f"{row.place} states: {', '.join(sorted(row.lifelines))} has no atomic state {said!r}"
                    f"{near_to(said, known)}; there are {', '.join(sorted(known))}"
                )


def _servers(binding: Binding, ours: Collection[str]) -> None:
    """Raise `BindingError` where something is said of the server of a lifeline that no chart of ours plays."""
    for begin in binding.begins:
        for key, said in (("sessions", begin.sessions), ("services", begin.services), ("endpoints", begin.endpoints)):
            for name in said if _stands(begin.place) else ():
                player = binding.players.get(name)
                if player is not None and not (player.like or player.chart in ours):
                    raise BindingError(
                        f"{begin.place} {key}: {name} is played by {player.chart or 'no chart'}: only charts of "
                        f"machines have {key}; leave it out"
                    )
