"""The command line: each command is a function in a module of this package, imported when it is asked for."""

try:
    import difflib
    import importlib
    import io
    import logging
    import sys
    from typing import Any

    import typer
    from typer.core import TyperGroup

    from runtime.cli.exits import leave_output
except KeyboardInterrupt:  # loading takes long enough to be interrupted
    raise SystemExit(130) from None

BROKEN_PIPE = 128 + 13
"""The exit status where whoever reads the output leaves: 128 and the number of the signal."""
COMMANDS = {
    "demo": "demo",
    "check": "check",
    "explore": "explore",
    "replay": "replay",
    "monitor": "monitor",
    "verify": "verify",
    "certify": "any_number",
    "project": "project",
    "read": "read",
    "diagrams": "diagrams",
    "tracker": "services",
    "torrent": "services",
    "members": "services",
    "acl": "services",
}
"""The commands in the order of the help: the name of a command's function, and the module that it is in."""
ALIASES = {"--careful": "--hardened"}
"""Names that options had before."""
PLAIN: dict[str, Any] = {"add_completion": False, "pretty_exceptions_enable": False, "rich_markup_mode": None}


class Commands(TyperGroup):
    """The group of all commands, each imported when somebody asks for it, so that none waits for another's imports."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All names."""
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name; None if there is none. Ends with a hint where another one was probably meant."""
        if cmd_name not in COMMANDS:
            near = difflib.get_close_matches(cmd_name, COMMANDS, n=1)
            if near and not ctx.resilient_parsing:
                ctx.fail(f"No such command {cmd_name!r}; did you mean {near[0]!r}?")
            return super().get_command(ctx, cmd_name)
        module = importlib.import_module(f"runtime.cli.{COMMANDS[cmd_name]}")
        one = typer.Typer(**PLAIN)
        one.command(cmd_name)(getattr(module, cmd_name))
        return typer.main.get_command(one)


app = typer.Typer(cls=Commands, no_args_is_help=True, **{**PLAIN, "add_completion": True})


@app.callback()
def entry() -> None:
    """A sequence diagram as specification, statecharts as program: check, explore and run them.

    Begin with `clientjoin demo` (a run on a real MQTT broker), then `clientjoin check` and `clientjoin explore`.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s", stream=sys.stderr)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # whatever its encoding cannot write


def main() -> None:
    """The script `clientjoin`."""
    arguments = [ALIASES.get(argument, argument) for argument in sys.argv[1:]]
    try:
        app(arguments, prog_name="clientjoin")
    except BrokenPipeError:  # whoever reads has seen enough: as a program that the signal of a broken pipe ends
        leave_output()
        raise SystemExit(BROKEN_PIPE) from None
    except SystemExit:
        if type(sys.stdout).__name__ == "PacifyFlushWrapper":  # by this click says so, and would end with 1
            leave_output()
            raise SystemExit(BROKEN_PIPE) from None
        raise
    except OSError as error:  # standard output is a full disk, say
        leave_output()
        sys.exit(f"clientjoin: cannot go on: {error.strerror or error}")
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
