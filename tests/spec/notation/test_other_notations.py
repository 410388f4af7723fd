"""Diagrams of other tools, and slips: what is not of the notation is named with its line, and read as it was meant."""

import pytest

from spec.notation import read
from tests.support.arrows import arrows

PLANTUML = r"""
// without its first line, which would have the text refused
skinparam monochrome true
' the cast
actor User
participant "Web App" as web <<service>>
queue Jobs
box "Backend" #LightBlue
participant API order 10
end box
autonumber
User -> web : click
web -> API ++ : POST /x
note left: a hint
API ->> Jobs : enqueue
Jobs -[#red]-> API : done
return 201
== Later ==
...5 minutes later...
API ->x web : push
note over web
one
two
end note
alt ok
web --> User : shown
else failed
web -> User !! : sorry
end alt
|||
deactivate API
@enduml
"""
PLANTUML_ARROWS = [
    "11 User>web click",
    "12 web>API POST /x",
    "14 API>Jobs enqueue",
    "15 Jobs>API done",
    "19 APIx>web push",
    "25 web>User shown",
    "27 web>User sorry",
]
PLANTUML_COMPLAINTS = [2, 3, 5, 6, 7, 8, 9, 12, 13, 15, 16, 18, 19, 20, 27, 28, 29, 31]

MERMAID = r"""
// without its first line, which would have the text refused
autonumber
participant Alice
actor Bob
Alice->>+Bob: Hello
Bob-->>-Alice: Hi
Alice-)Bob: fire and forget
Note right of Bob: thinks
Alice-xBob: lost
loop Every minute
Bob-->>Alice: ping
end
par Alice to Bob
Alice->>Bob: a
and Bob to Alice
Bob->>Alice: b
end
%% comment
rect rgb(0,0,0)
Alice->>Bob: end
end
"""
MERMAID_ARROWS = [
    "5 Alice>Bob Hello",
    "6 Bob>Alice Hi",
    "7 Alice>Bob fire and forget",
    "9 Alicex>Bob lost",
    "11 Bob>Alice ping",
    "14 Alice>Bob a",
    "16 Bob>Alice b",
    "20 Alice>Bob end",
]
MERMAID_COMPLAINTS = [5, 6, 7, 8, 15, 18, 19]

SLIPS = r"""
Title Slips of the hand
particpant A
Participant B
A=>B: fat arrow
A → B: pasted arrow
A—>B: word processor
A-B: forgot the head
A->: forgot the receiver
->B: forgot the sender
A->B->A: two at once
lop 3 times
A->B: in the loop
ende
alt
A->B: in the alt
Else
B->A: in the else
lorem ipsum dolor sit amet, and a non-xml answer
end
end
opt never closed
A->B: last
"""
SLIPS_ARROWS = [
    "4 A>B fat arrow",
    "5 A>B pasted arrow",
    "6 A>B word processor",
    "7 A>B forgot the head",
    "10 A>B two at once",
    "12 A>B in the loop",
    "15 A>B in the alt",
    "17 B>A in the else",
    "22 A>B last",
]
SLIPS_COMPLAINTS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 16, 18, 20, 21]

WEBSEQUENCE = r"""
title Web sequence
Browser->+Server: GET /
note right of Server
one line
end note
Server->-Browser: 200
parallel {
Browser->Server: a
Browser->Server: b
}
state over Browser: idle
"""
WEBSEQUENCE_ARROWS = ["2 Browser>Server GET /", "6 Server>Browser 200", "8 Browser>Server a", "9 Browser>Server b"]
WEBSEQUENCE_COMPLAINTS = [2, 3, 6, 7, 10]

MINUTES = r"""
Meeting minutes, 12 May

We agreed that the max-age header stays.
- Alice will look at the x-forwarded-for header
* Bob -> asks the vendor: deadline Friday
title Minutes
"""
MINUTES_ARROWS = ["5 * Bob>asks the vendor deadline Friday"]
MINUTES_COMPLAINTS = [1, 3, 4, 5]

FOREIGN = {
    "plantuml": (PLANTUML, PLANTUML_ARROWS, PLANTUML_COMPLAINTS),
    "mermaid": (MERMAID, MERMAID_ARROWS, MERMAID_COMPLAINTS),
    "slips": (SLIPS, SLIPS_ARROWS, SLIPS_COMPLAINTS),
    "websequence": (WEBSEQUENCE, WEBSEQUENCE_ARROWS, WEBSEQUENCE_COMPLAINTS),
    "minutes": (MINUTES, MINUTES_ARROWS, MINUTES_COMPLAINTS),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_not_of_the_notation_is_read_as_it_was_meant(name: str) -> None:
    text, expected, complaints = FOREIGN[name]
    diagram = read(text.lstrip("\n"))
    assert arrows(diagram) == expected
    assert [each.line for each in diagram.diagnostics] == complaints


def test_a_box_of_plantuml_is_a_group() -> None:
    assert [(each.name, each.group) for each in read(PLANTUML).lifelines] == [
        ("User", None),
        ("web", None),
        ("Jobs", None),
        ("API", "Backend"),
    ]
