"""`python -m runtime.cli`."""

from runtime.cli.main import main

main()
