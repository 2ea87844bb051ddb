"""The list of guards, read and checked."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parent.parent.parent
LIST = Path(__file__).with_name("guards.toml")


@dataclass(frozen=True)
class Guard:
    """A piece of text that keeps money safe, what stands there without it, and the test that fails then."""

    name: str
    file: str
    text: str
    without: str
    test: str
    stores: str = ""

    def take_away(self, tree: Path) -> None:
        path = tree / self.file
        path.write_text(path.read_text(encoding="utf-8").replace(self.text, self.without), encoding="utf-8")


def guards() -> list[Guard]:
    return [Guard(**each) for each in tomllib.loads(LIST.read_text(encoding="utf-8"))["guard"]]
