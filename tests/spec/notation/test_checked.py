"""What the reader says, as findings of a check."""

import spec

LATE = "title X\nTorrent->Broker:PUBLISH clients/goodbye\ndestroy Broker\nTorrent->Broker:PUBLISH clients/goodbye"


def test_an_event_of_a_lifeline_that_is_not_there_is_one_finding() -> None:
    (diagram,) = spec.check(LATE, spec.load()).diagrams
    found = [(finding.line, finding.warning) for finding in diagram.findings if "was destroyed" in finding.message]
    assert found == [(4, False)]


def test_a_text_in_another_notation_is_one_finding() -> None:
    (diagram,) = spec.check("sequenceDiagram\nTorrent->>Broker: PUBLISH clients/goodbye", spec.load()).diagrams
    assert [(finding.kind, finding.line, finding.warning) for finding in diagram.findings][:1] == [
        ("unreadable", 1, False)
    ]
    assert all("clients/goodbye" not in finding.message for finding in diagram.findings)
