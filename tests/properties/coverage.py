"""stub"""

from tests.properties.runs import Run


class Exercised:
    def add(self, run: Run) -> None:
        pass


NOTHING_KEPT = Exercised()
