"""The command line, one module for each command; the only place that prints.

In: arguments, as typer reads them. Out: text or JSON on standard output, errors and progress on standard error, an exit
status. `main` lists the commands, each of which is imported when it is asked for; `terminal` is progress and consoles,
`exits` how commands end. Begin with `main`.
"""
