"""How commands end where something is wrong: one line on standard error, and an exit status."""

import os
import sys

import typer


def fail(message: str, status: int = 1) -> typer.Exit:
    """Say what went wrong on standard error, and make the exit, for the caller to raise."""
    typer.echo(f"clientjoin: {message}", err=True)
    return typer.Exit(status)


def leave_output() -> None:
    """Let the interpreter not flush once more into what cannot be written to."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
