"""The pytest plugin: the example of the README runs, and a wrong server makes a test fail."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.support.nightly import by_day

pytestmark = pytest.mark.broker

ROOT = Path(__file__).parents[3]
README = ROOT / "runtime" / "kit" / "README.md"
SERVER = ROOT / "tests" / "data" / "implementations" / "torrent_paho.py"


KNOWN = any(each.value == "runtime.kit.plugin" for each in entry_points(group="pytest11"))
LOADED = () if KNOWN else ("-p", "runtime.kit.plugin")
"""Where the project is installed, pytest finds the plugin by itself."""


def example() -> str:
    """The example that the README gives."""
    blocks = README.read_text("utf-8").split("```python\n")[1:]
    return next(block.split("```")[0] for block in blocks if "clientjoin_oracle" in block)


@pytest.mark.parametrize(
    ("fault", "status"), by_day([("", 0), ("confirms twice", 1), ("never confirms", 1)], [("never confirms", 1)])
)
def test_the_example_of_the_readme_runs(tmp_path: Path, fault: str, status: int) -> None:
    text = example().replace('["my-torrent-server"]', f"[{sys.executable!r}, {str(SERVER)!r}]")
    text = text.replace('"t1"]', f'"t1", {fault!r}]')
    (tmp_path / "test_example.py").write_text(text, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    done = subprocess.run(
        [*command, *LOADED, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
