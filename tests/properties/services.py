"""Services in which servers do not fit together: two torrent servers, and what each begins with."""

from collections.abc import Mapping
from typing import Any

from spec.exploration.model.scenario import Scenario
from tests.properties.runs import everything

OURS: Mapping[str, Any] = {
    "files": {"shared": {"size": 10, "sequence": ["a", "b"]}, "own": {"size": 5, "sequence": ["c"]}},
    "fragments": {"a": {"size": 5}, "b": {"size": 5}, "c": {"size": 5}},
    "stored": ["a", "c"],
}
OTHERS: Mapping[str, Any] = {
    "files": {"shared": {"size": 11, "sequence": ["a", "b"]}, "another": {"size": 3, "sequence": ["a"]}},
    "fragments": {"a": {"size": 6}, "b": {"size": 5}, "d": {"size": 1}},
    "stored": ["a", "d"],
}
IN_ORDER: Mapping[str, Any] = {"files": {"shared": {"size": 10, "sequence": ["b", "a"]}}, "fragments": {}, "stored": []}

PAIRS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "they agree": (OURS, OURS),
    "sizes of files and fragments differ": (OURS, OTHERS),
    "sequences differ": (OURS, IN_ORDER),
    "storages are broken, or may fail": ({"storage": "broken"}, {"storage": "either"}),
    "fragment sizes differ": ({"fragment_size": 1024}, {"fragment_size": 512}),
    "hash algorithms differ": ({"hash_algorithm": "SHA-256"}, {"hash_algorithm": "md5"}),
    "nothing fits": ({}, {"hash_algorithm": "md5", "fragment_size": 1, "endpoints": ["HTTP://TORRENT1:80"]}),
    "one endpoint of several is taken": (
        {"endpoints": ["http://torrent1/", "http://shared:80/a/../"]},
        {"endpoints": ["HTTP://Shared", "http://torrent2/"]},
    ),
}
"""By what is wrong with them; keys as in `spec.exploration.model.beginnings`."""


def services() -> Mapping[str, Scenario]:
    """Scenarios in which every fault can happen, with torrent servers that name their requests, and that do not."""
    return {
        f"{told}{', named' if hardened else ''}": everything(
            hardened=hardened, views={"torrent1": first, "torrent2": second}
        )
        for told, (first, second) in PAIRS.items()
        for hardened in (False, True)
    }
