"""What is printed reads as what was given."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec.notation import (
    ArrowStyle,
    Create,
    Destroy,
    Diagram,
    Fragment,
    Lifeline,
    Message,
    Operand,
    Parallel,
    Presentation,
    Reference,
    Statement,
    print_diagram,
    read,
)
from spec.notation.arrows import is_writable
from spec.notation.model import By
from spec.notation.participants import group_label
from spec.notation.text import BLANK, plain, split_style
from tests.support.nightly import share
from tests.support.places import REFERENCE


def unplaced(body: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """The statements as if they stood nowhere."""
    out: list[Statement] = []
    for statement in body:
        bare = replace(statement, line=0, column=0)
        if isinstance(bare, Fragment):
            operands = tuple(replace(each, line=0, column=0, body=unplaced(each.body)) for each in bare.operands)
            bare = replace(bare, operands=operands)
        elif isinstance(bare, Parallel):
            bare = replace(bare, body=unplaced(bare.body))
        out.append(bare)
    return tuple(out)


def anywhere(diagram: Diagram) -> Diagram:
    lifelines = tuple(replace(each, line=0, column=0) for each in diagram.lifelines)
    return replace(diagram, lifelines=lifelines, body=unplaced(diagram.body), marks=(), diagnostics=())


ODD_NAMES = ["A", "B", "Box", "xylophone", "x", "x-ray", "front-end", "Linux-box", "end user", "note service", "loop"]
ODD_NAMES += [
    "title",
    "actor",
    "Client (v1.2) + Co.",
    "A as B",
    "C++",
    "List<T>",
    "(5)B",
    "A(5)",
    "+B",
    "*B",
    "B--",
    "x B",
]
ODD_NAMES += [
    "Größe",
    "名前",
    "**bold**",
    'half "quoted',
    "two\\nlines",
    "A-x",
    "-B",
    "a  b",
    "par",
]

names = st.one_of(
    st.sampled_from(ODD_NAMES),
    st.text(alphabet="abxAX-+.() <>*[]/", min_size=1, max_size=8)
    .map(lambda name: name.strip(BLANK))
    .filter(lambda name: name not in {"", "[", "]"} and is_writable(name) and not name.startswith("//")),
)
raws = st.one_of(
    st.sampled_from(
        ["", "text", "**bold** //it//", r"two\nlines", "A->B:x", "http://x.y//z", "# no comment", "else", '"q"', "a:b"]
    ),
    st.text(alphabet='ab:;-></*+"~\\n#. =,', max_size=12),
).map(lambda raw: raw.strip(BLANK))
headings = raws.filter(lambda raw: bool(plain(raw)))
guards = raws.filter(lambda raw: split_style(raw)[0] == "" and "-" not in raw and not raw.startswith("over"))
styles = st.sampled_from(["", "#red", "#red #eee", "##mine", "#fff #blue;3;dashed"])
arrow_styles = st.sampled_from(["", "#red", "[#red;3]", "##mine", "#abc:2", ":2"])
suffixes = st.sampled_from(["", "##mine", "#red #blue;2"])
KINDS = ["participant", "rparticipant", "actor", "boundary", "control", "database", "entity"]


@st.composite
def lifelines(draw: st.DrawFn) -> tuple[Lifeline, ...]:
    out = []
    for name in draw(st.lists(names, min_size=2, max_size=5, unique=True)):
        raw = draw(st.one_of(st.just(name), headings.filter(lambda raw: not {'"', "\\"} & set(raw))))
        path = tuple(draw(st.lists(st.sampled_from(["G", "#red **H**", ""]), max_size=2)))
        kind, icon = draw(st.one_of(st.tuples(st.sampled_from(KINDS), st.just("")), st.just(("fontawesome", "f0c0"))))
        style = draw(st.sampled_from(["", "#red", "#fff #blue;3;dashed"]))
        out.append(Lifeline(name, plain(raw), kind, group_label(path), 0, 0, raw, style, icon, path))
    return tuple(out)


@st.composite
def messages(draw: st.DrawFn, cast: list[str]) -> Message:
    ends = (draw(st.sampled_from([*cast, None])), draw(st.sampled_from(cast)))
    sender, receiver = draw(st.sampled_from([ends, (ends[1], ends[0])]))
    how = draw(st.sampled_from(["plain", "lost", "both", "created" if receiver is not None else "plain"]))
    is_reversed = how in {"plain", "lost"} and draw(st.booleans())
    look = ArrowStyle(
        dashed=draw(st.booleans()),
        open_head=how != "lost" and draw(st.booleans()),
        reversed=is_reversed,
        left_style=draw(arrow_styles) if is_reversed or how == "both" else "",
        right_style=draw(st.sampled_from(["", "[#red;3]"]) if is_reversed else arrow_styles),
        suffix=draw(suffixes),
    )
    raw = draw(raws)
    delay = draw(st.sampled_from([0, 0, 5, 1.5]))
    return Message(0, 0, sender, receiver, plain(raw), raw, how == "lost", how == "created", how == "both", delay, look)


def bodies(cast: list[str], *, in_block: bool = False, depth: int = 3) -> st.SearchStrategy[tuple[Statement, ...]]:
    name = st.sampled_from(cast)
    plain_names = st.sampled_from([each for each in cast if not {",", '"'} & set(each)] or ["Z"])
    options: list[st.SearchStrategy[Statement]] = [
        messages(cast),
        st.builds(Create, st.just(0), st.just(0), plain_names),
        st.builds(
            Destroy, st.just(0), st.just(0), plain_names, st.sampled_from(["destroy", "destroyafter", "destroysilent"])
        ),
        references(plain_names),
        st.builds(
            Presentation,
            st.just(0),
            st.just(0),
            st.sampled_from(["autonumber", "space", "linear"]),
            st.just(""),
        ),
        st.builds(
            Presentation, st.just(0), st.just(0), st.sampled_from(["//", "#"]), st.sampled_from(["", " x", "A->B:x"])
        ),
        name.map(lambda each: Presentation(0, 0, "note", f"over {each}:x\\ny")),
        st.just(Presentation(0, 0, "==", "text==#red")),
    ]
    if depth:
        options.append(fragments(cast, in_block=in_block, depth=depth - 1))
        if not in_block:
            inner = bodies(cast, in_block=True, depth=depth - 1)
            options.append(inner.map(lambda body: Parallel(0, 0, body)))
    return st.lists(st.one_of(options), max_size=4).map(tuple)


@st.composite
def references(draw: st.DrawFn, name: st.SearchStrategy[str]) -> Reference:
    raw = draw(st.sampled_from(["**sd** X", "Use Case: Y", ""]))
    text = plain(raw)
    over = tuple(draw(st.lists(name, min_size=1, max_size=2)))
    return Reference(0, 0, over, text, text.removeprefix("sd "), raw, draw(st.sampled_from(["", "#red"])))


@st.composite
def fragments(draw: st.DrawFn, cast: list[str], *, in_block: bool, depth: int) -> Fragment:
    kind = draw(st.sampled_from(["alt", "opt", "loop", "par", "break", "group", "ref", "expandable+"]))
    operands = []
    for index in range(draw(st.integers(1, 3))):
        raw = draw(guards)
        by: By = "start" if index == 0 else "thread" if kind == "par" and draw(st.booleans()) else "else"
        body = draw(bodies(cast, in_block=in_block, depth=depth))
        operands.append(Operand(0, 0, plain(raw), body, by, raw, draw(styles)))
    return Fragment(0, 0, kind, tuple(operands))


@st.composite
def diagrams(draw: st.DrawFn) -> Diagram:
    cast = draw(lifelines())
    frame, title = draw(headings.filter(lambda raw: split_style(raw)[0] == "")), draw(headings)
    body = draw(bodies([each.name for each in cast]))
    used = (
        {"Z"}
        if any("Z" in getattr(each, "over", ()) or getattr(each, "name", "") == "Z" for each in walk(body))
        else set()
    )
    extra = tuple(Lifeline(name, name, raw_label=name) for name in used - {each.name for each in cast})
    return Diagram("<text>", plain(frame), plain(title), (*cast, *extra), body, (), frame, title)


def walk(body: tuple[Statement, ...]) -> list[Statement]:
    return list(Diagram(body=body).statements())


@given(diagrams())
@settings(max_examples=share(300), deadline=None)
def test_a_printed_diagram_reads_as_itself(diagram: Diagram) -> None:
    again = read(print_diagram(diagram))
    assert [each for each in again.diagnostics if each.severity == "error"] == []
    assert anywhere(again) == diagram


@given(diagrams())
@settings(max_examples=share(100), deadline=None)
def test_a_diagram_without_raw_texts_prints_what_it_means(diagram: Diagram) -> None:
    cast = tuple(replace(each, raw_label="", group_path=()) for each in diagram.lifelines)
    bare = Diagram(frame=diagram.frame, title=diagram.title, lifelines=cast, body=diagram.meaning().body)
    assert read(print_diagram(bare)).meaning() == bare.meaning()


def assert_stable(text: str) -> None:
    first = read(text)
    printed = print_diagram(first)
    second = read(printed)
    assert second.meaning() == first.meaning()
    assert second.presentation() == first.presentation()
    assert print_diagram(second) == printed


PIECES = [
    "A",
    "B",
    "xA",
    "Ax",
    "A-x",
    "front-end",
    "C++",
    "A B",
    "(5)",
    "->",
    "-->>",
    "<-",
    "-x",
    "x--",
    "<->",
    "-#redx",
    "->*",
    "[",
]
PIECES += [
    "]",
    ":",
    ":text",
    " ",
    "\n",
    "\n",
    "\n",
    "#red",
    "##st",
    '"',
    "\\n",
    "**",
    "//",
    "\nalt ",
    "\nelse ",
    "\nend\n",
    "\npar ",
]
PIECES += [
    "\nparallel\n",
    "\nparallel off\n",
    "\nparticipant ",
    "\nparticipantgroup ",
    " as ",
    "\nnote over ",
    "\nref over ",
    ",",
]
PIECES += ["\ncreate ", "\ndestroy ", "\nspace ", "\n==x==", "\n// ", "\ntitle ", "\nthread ", "<T>", "-", "+"]


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
@settings(max_examples=share(800), deadline=None)
def test_whatever_was_read_is_printed_as_it_was_read(text: str) -> None:
    assert_stable(text)


@pytest.mark.parametrize("text", ["participant x--<->A", "A x<-> B", "A <->x B", "A x<->x B"])
def test_an_arrow_both_ways_is_not_lost_by_a_cross(text: str) -> None:
    (message,) = read(text).messages()
    assert (message.both_ways, message.lost) == (True, False)
    assert_stable(text)


def test_a_message_that_only_a_comment_could_hold_is_skipped() -> None:
    diagram = read('"//"->//:x\nA->//')
    assert [one.message for one in diagram.diagnostics if one.severity == "error"] == [
        "a message from `//` to itself would be a comment; skipped"
    ]
    assert_stable('"//"->//:x\nA->//')


def test_the_seed_is_printed_nearly_as_it_is() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    assert_stable(text)
    printed = [line.strip() for line in print_diagram(read(text)).splitlines() if line.strip()]
    assert printed == [
        line.strip().replace("Broker: ", "Broker:").replace("Torrent: ", "Torrent:")
        for line in text.splitlines()
        if line.strip()
    ]


SAMPLE = r"""
// checked by hand
title Two **lines**\nof title
frame#red Sample
participantgroup #lightgreen **Outer**
actor "End\nUser" as u #red #blue;2;dashed
participantgroup Inner
fontawesome5solid f48e "++Cloud++" as cloud #1da1f2
end
end
autonumber 1
u->cloud:Hi
cloud-[#red;3]xu: lost
u<<--cloud##mine:back
Newcomer<-cloud:x
cloud->(5)*Late:born
parallel
u->cloud:1
parallel off
par a
u->cloud:1
thread b
cloud->u:2
end
group #gray label [text]
  note over u,cloud#pink:x\ny
  alt
  [->u:in
  else #red #blue not \#red
  u->]:out
  end
end
ref over u,cloud:**sd** Other
destroyafter Late
==the end==#red
parallel
u->cloud:open
"""


def test_a_sample_is_stable() -> None:
    assert read(SAMPLE).diagnostics == ()
    assert_stable(SAMPLE)


def test_the_printed_form() -> None:
    body = (
        Message(0, 0, "front-end", "B", "two\nlines **not bold**"),
        Fragment(0, 0, "alt", (Operand(0, 0, "#red", (Message(0, 0, None, "B"),)), Operand(0, 0, "", (), "else"))),
        Message(0, 0, "x", "Linux-bo", "?", lost=True, look=ArrowStyle(reversed=True)),
    )
    diagram = Diagram(title="T", lifelines=(Lifeline("B", "The **B**", "actor", "G"),), body=body)
    expected = r"""
title T

participantgroup G
  actor "The \*\*B\*\*" as B
end
participant front-end
participant x
participant Linux-bo

front-end->B:two\nlines \*\*not bold\*\*
alt \#red
  [->B
else
end
Linux-box-x:?
"""
    assert print_diagram(diagram) == expected.lstrip()
    assert read(expected).meaning().body == diagram.meaning().body


@pytest.mark.parametrize("name", ["a:b", "a#b", "A->B", "", " A", "two\nlines", ">A", "--"])
def test_a_name_that_cannot_be_written_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no declaration reads as"):
        print_diagram(Diagram(lifelines=(Lifeline(name, "x"),)))
    with pytest.raises(ValueError, match="no declaration reads as"):
        print_diagram(Diagram(body=(Message(0, 0, name, "B"),)))


def test_a_name_that_would_open_a_comment_goes_to_the_right() -> None:
    diagram = read("A->//B:x\nA<-//B:y")
    assert print_diagram(diagram).splitlines()[-2:] == ["A->//B:x", "A<-//B:y"]
    body = tuple(replace(message, look=ArrowStyle()) for message in diagram.messages())
    assert print_diagram(replace(diagram, body=body)).splitlines()[-2:] == ["A->//B:x", "A<-//B:y"]


def test_lifelines_that_only_a_comment_could_hold_are_refused() -> None:
    with pytest.raises(ValueError, match="no arrow reads as"):
        print_diagram(Diagram(body=(Message(0, 0, "//A", "//B"),)))
