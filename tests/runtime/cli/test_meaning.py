"""`read` and `project` say of a diagram's meaning what a check says of it."""

from pathlib import Path

from typer.testing import CliRunner

from runtime.cli.main import app

AGAINST = "A->B: x\nloop (2,1)\nB->A: y\nend\n"
SAID = "at least 2 and at most 1 times; read as any number"


def test_read_tells_what_has_no_meaning_though_it_was_read(tmp_path: Path) -> None:
    file = tmp_path / "against.txt"
    file.write_text(AGAINST)
    result = CliRunner().invoke(app, ["read", str(file)])
    assert result.exit_code == 0
    assert f"2:1: warning: {SAID}" in result.stdout


def test_project_makes_no_machine_of_what_has_no_meaning(tmp_path: Path) -> None:
    file = tmp_path / "against.txt"
    file.write_text(AGAINST)
    result = CliRunner().invoke(app, ["project", str(file)])
    assert result.exit_code == 2
    assert f"against.txt: line 2: {SAID}" in result.stderr
    assert not result.stdout
