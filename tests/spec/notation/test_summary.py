"""The summary for programs and the text for a terminal."""

import json
import re

from spec.notation import print_diagram, read, render_text, summary

TEXT = r"""frame Sample
title A //small// sample
participantgroup #red **Servers**
participant "Web\nServer" as W
participantgroup Inner
database D
end
end
[->W:start
W->D:read **all**\nrows
W<->D:sync
D--#redx(2)W:rows
alt found
W->*X:new
else
ref over W,D:**sd** Other
parallel
W->D:1
end
create Q
destroy Q
lorem
"""


def test_the_summary_has_exactly_these_keys() -> None:
    arrow = {"line": 0, "sender": "W", "receiver": "D", "label": "", "lost": False, "created": False}
    node = {**arrow, "type": "message", "both_ways": False, "delay": 0}
    expected = {
        "file": "sample.txt",
        "frame": "Sample",
        "title": "A small sample",
        "lifelines": [
            {"name": "W", "label": "Web\nServer", "kind": "participant", "group": "Servers"},
            {"name": "D", "label": "D", "kind": "database", "group": "Servers / Inner"},
            {"name": "X", "label": "X", "kind": "participant", "group": None},
            {"name": "Q", "label": "Q", "kind": "participant", "group": None},
        ],
        "arrows": [
            {**arrow, "line": 9, "sender": None, "receiver": "W", "label": "start"},
            {**arrow, "line": 10, "label": "read all\nrows"},
            {**arrow, "line": 11, "label": "sync"},
            {**arrow, "line": 11, "sender": "D", "receiver": "W", "label": "sync"},
            {**arrow, "line": 12, "sender": "D", "receiver": "W", "label": "rows", "lost": True},
            {**arrow, "line": 14, "receiver": "X", "label": "new", "created": True},
            {**arrow, "line": 18, "label": "1"},
        ],
        "body": [
            {**node, "line": 9, "sender": None, "receiver": "W", "label": "start"},
            {**node, "line": 10, "label": "read all\nrows"},
            {**node, "line": 11, "label": "sync", "both_ways": True},
            {**node, "line": 12, "sender": "D", "receiver": "W", "label": "rows", "lost": True, "delay": 2},
            {
                "line": 13,
                "type": "fragment",
                "kind": "alt",
                "operands": [
                    {
                        "line": 13,
                        "by": "start",
                        "guard": "found",
                        "body": [{**node, "line": 14, "receiver": "X", "label": "new", "created": True}],
                    },
                    {
                        "line": 15,
                        "by": "else",
                        "guard": "",
                        "body": [
                            {"line": 16, "type": "ref", "over": ["W", "D"], "text": "sd Other", "target": "Other"},
                            {
                                "line": 17,
                                "type": "parallel",
                                "closed": False,
                                "body": [{**node, "line": 18, "label": "1"}],
                            },
                        ],
                    },
                ],
            },
            {"line": 20, "type": "create", "name": "Q"},
            {"line": 21, "type": "destroy", "name": "Q", "how": "destroy"},
        ],
        "diagnostics": [
            {
                "line": 22,
                "column": 1,
                "severity": "error",
                "message": "expected a statement or a message such as `A->B:text`, got `lorem`; skipped",
            }
        ],
    }
    assert summary(read(TEXT, file="sample.txt")) == expected
    assert json.loads(json.dumps(expected)) == expected


def test_an_empty_text_has_an_empty_summary() -> None:
    assert summary(read("")) == {
        "file": "<text>",
        "frame": None,
        "title": None,
        "lifelines": [],
        "arrows": [],
        "body": [],
        "diagnostics": [
            {
                "line": 1,
                "column": 1,
                "severity": "warning",
                "message": "there is no diagram in here: no lifeline, and no message",
            }
        ],
    }
    assert print_diagram(read("")) == ""


def test_the_rendered_text_shows_the_tree_with_its_lines() -> None:
    rendered = render_text(read(TEXT, file="sample.txt"))
    rows = [re.sub(r"^ *", "", row) for row in rendered.splitlines() if row]
    assert rows == [
        "sample.txt",
        "frame: Sample",
        "title: A small sample",
        "lifelines (4)",
        '4  W "Web Server" (participant) in Servers',
        "6  D (database) in Servers / Inner",
        "14  X (participant)",
        "20  Q (participant)",
        "body (7 arrows)",
        "9  (environment) -> W: start",
        "10  W -> D: read all rows",
        "11  W <-> D: sync",
        "12  D -x W (lost, delay 2): rows",
        "13  alt found",
        "14    W ->* X (creates): new",
        "15  else",
        "16    ref over W, D: Other",
        "17    parallel",
        "18      W -> D: 1",
        "(parallel, left open)",
        "end",
        "20  create Q",
        "21  destroy Q",
        "diagnostics (1)",
        "22:1: error: expected a statement or a message such as `A->B:text`, got `lorem`; skipped",
    ]
