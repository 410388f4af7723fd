"""What people write differently by chance leaves the meaning as it is, or is told: no second lifeline in silence."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec.notation import Diagram, read
from tests.support.nightly import share

NAMES = ["Transfer", "Log Server", "front-end", "Ünïcode", "Broker", "x-proxy"]
DECLARED = "\n".join(f"participant {name}" for name in NAMES)


@st.composite
def clean_texts(draw: st.DrawFn) -> list[str]:
    """The lines of a diagram without a fault, in which everybody declared takes part."""
    out = ["title Transfers", *DECLARED.splitlines()]
    order = draw(st.permutations(NAMES))
    for left, right in zip(order, [*order[1:], order[0]], strict=True):
        out.append(f"{left}{draw(st.sampled_from(['->', '-->', '->>', '<-', '-x', '-#red>']))}{right}:hello {left}")
    out += draw(
        st.sampled_from(
            [
                [],
                ["alt ready", f"{order[0]}->{order[1]}:a", "else", f"{order[1]}->{order[0]}:b", "end"],
                ["parallel", f"{order[0]}->{order[1]}:a", f"{order[2]}->{order[3]}:b", "parallel off"],
                [f"note over {order[0]},{order[1]}:text", f"ref over {order[2]}:**sd** Other"],
                [f"{order[0]}->*Late One:new", f"Late One->{order[1]}:up", "destroy Late One"],
            ]
        )
    )
    return out


def _in(pattern: str, instead: str) -> tuple[str, str]:
    return pattern, instead


HEAD = r"^(?P<l>[^:]*?)(?P<a>-#red>|-->|->>|->\*|->|<-|-x)(?P<r>[^:]*):"
NOISE = {
    "blanks around the arrow": _in(HEAD, r"\g<l>  \g<a>\t\g<r> :"),
    "hard blanks": _in(HEAD, "\\g<l>\u00a0\\g<a>\u00a0\\g<r>:"),
    "zero width at the ends": _in(HEAD, "\u200b\\g<l>\u200b\\g<a>\u2060\\g<r>\ufeff:"),
    "a blank before the star": _in(r"->\*", "-> * "),
    "a delay behind a blank": _in(r"->(?=[A-ZÜ])", "-> (0) "),
    "a colour behind the name": _in(HEAD, r"\g<l>\g<a>\g<r> #red:"),
    "a style without a colour": _in(HEAD, r"\g<l>\g<a>\g<r> ;3;dashed:"),
    "a style behind a declaration": _in(r"^(participant .*)$", r"\1 ;2"),
    "a named style": _in(r"^(participant .*)$", r"\1##mine"),
    "a comment behind a declaration": _in(r"^(participant .*)$", r"\1 // ours"),
    "a comment with a sharp": _in(r"^(participant .*)$", r"\1 # ours"),
    "attributes": _in(r"^(participant .*)$", r"\1 [style=s]"),
    "a semicolon behind a declaration": _in(r"^(participant .*)$", r"\1;"),
    "a semicolon behind a receiver": _in(HEAD, r"\g<l>\g<a>\g<r>;:"),
    "a cross behind the head": _in(r"->(?=[A-ZÜ])", "->x "),
    "a dot behind the head": _in(r"->(?=[A-ZÜ])", "->o "),
    "a cross before the head": _in("<-", " x<-"),
    "a quote": _in(HEAD, r'"\g<l>\g<a>\g<r>:'),
    "a quote behind": _in(HEAD, r'\g<l>\g<a>\g<r>":'),
    "quotes": _in(HEAD, r'"\g<l>"\g<a>"\g<r>":'),
    "bent quotes": _in(r"^participant (.*)$", r"participant “\1”"),
    "a quote that is not closed": _in(r"^participant (.*)$", r'participant "\1'),
    "the colour behind the head": _in(r"-#red>", "->#red "),
    "the style behind the head": _in(r"-#red>", "->[#red]"),
    "the style between dashes": _in(r"-#red>", "-[#red]->"),
    "capitals in keywords": _in(r"^(alt|else|end|parallel|note|ref|title|destroy)\b", lambda found: found[1].upper()),  # type: ignore[arg-type]
    "capitals": _in(r"^([a-zü]+)", lambda found: found[1].title()),  # type: ignore[arg-type]
    "small letters": _in(HEAD, lambda found: found[0].lower()),  # type: ignore[arg-type]
    "a letter less": _in(r"^(Tran|Brok|Log S|fron)\w", r"\1"),
    "a letter twice": _in(r"^(Tran|Brok|Log S|fron)(\w)", r"\1\2\2"),
    "letters swapped": _in(r"^(Tr|Br|Lo|fr)(\w)(\w)", r"\1\3\2"),
    "no dash in a name": _in(r"^front-end", "frontend"),
    "two blanks in a name": _in(r"^Log Server", "Log  Server"),
    "a list": _in(HEAD, r"- \g<l>\g<a>\g<r>:"),
    "a number of the line": _in(HEAD, r"7 \g<l>\g<a>\g<r>:"),
    "marks of Mermaid": _in(r"->(?=[A-ZÜ])", "->>+"),
    "marks of PlantUML": _in(HEAD, r"\g<l>\g<a>\g<r> ++:"),
    "no colon": _in(HEAD, r"\g<l>\g<a>\g<r> "),
    "two receivers": _in(HEAD, r"\g<l>\g<a>\g<r>,Transfer:"),
    "two messages in a line": _in(HEAD + "(.*)$", r"\g<l>\g<a>\g<r>:\4;Transfer->Broker:again"),
    "a guard that is a message": _in(r"^(alt ready|else)$", r"\1 Transfer->Broker:x"),
    "no blank behind the keyword": _in(r"^alt ready", "alt[ready]"),
    "no colon behind a note": _in(r"^(note over [^:]*):", r"\1\n"),
    "the colon, and the text below": _in(r"^(note over [^:]*:)", r"\1\n"),
    "no end": _in(r"^(end|parallel off)$", ""),
    "one end more": _in(r"^(end|parallel off)$", r"\1\n\1"),
    "twice the title": _in(r"^(title .*)$", r"\1\ntitle Another"),
    "the life ends before": _in(r"^(Late One->.*)$", r"destroy Late One\n\1"),
    "used before it is created": _in(r"^(.*->\*Late One.*)$", r"Late One->Broker:early\n\1"),
}


def differently(lines: list[str], noise: str, seed: int) -> str | None:
    """The text with one of its lines written differently; None if the noise fits none."""
    pattern, instead = NOISE[noise]
    places = [index for index, line in enumerate(lines) if re.search(pattern, line)]
    if not places:
        return None
    index = random.Random(seed).choice(places)
    changed = re.sub(pattern, instead, lines[index], count=1)
    return "\n".join([*lines[:index], changed, *lines[index + 1 :]])


def tell(diagram: Diagram) -> object:
    """What must not change in silence: the order of lifelines may."""
    return diagram.meaning().title, sorted(map(str, diagram.meaning().lifelines)), diagram.meaning().body


@given(clean_texts(), st.sampled_from(sorted(NOISE)), st.integers(0, 99))
@settings(max_examples=share(1000), deadline=None)
def test_noise_changes_nothing_in_silence(lines: list[str], noise: str, seed: int) -> None:
    clean = read("\n".join(lines))
    assert clean.diagnostics == ()
    text = differently(lines, noise, seed)
    if text is not None:
        noisy = read(text)
        assert noisy.diagnostics or tell(noisy) == tell(clean), text


@pytest.mark.parametrize("noise", NOISE)
def test_each_noise_fits_somewhere(noise: str) -> None:
    lines = [
        "title T",
        *DECLARED.splitlines(),
        "alt ready",
        "else",
        "end",
        "parallel",
        "parallel off",
        "note over Broker:x",
    ]
    lines += ["Transfer->Broker:x", "Broker-#red>Log Server:x", "Broker<-front-end:x", "Broker->*Late One:x"]
    lines += ["Late One->Ünïcode:x", "Log Server-->x-proxy:x", "front-end->Broker:x", "destroy Late One"]
    assert differently(lines, noise, 0) not in {None, "\n".join(lines)}
