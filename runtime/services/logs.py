"""The log of a service: one line an event, for people or as JSON (one object a line) for machines."""

import json
import logging
import sys
import time
from typing import Literal, TextIO

KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; anything else was given by whoever logged."""


class JsonLines(logging.Formatter):
    """A record as one line of JSON: time (UTC, seconds), level, logger, message, and what `extra` gave."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in KNOWN},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class People(logging.Formatter):
    """A record as a line to read, its time in UTC; nothing in it that a terminal obeys."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03dZ %(levelname)-7s %(message)s", "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in super().format(record))


def set_up(form: Literal["human", "json"], level: str, stream: TextIO | None = None) -> None:
    """Send the log to `stream` (standard error); of the libraries only warnings."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else People())
    root = logging.getLogger()
    for before in list(root.handlers):
        root.removeHandler(before)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("clientjoin").setLevel(level.upper())
