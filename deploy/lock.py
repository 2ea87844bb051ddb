"""Resolve pyproject.toml into requirements.txt and requirements-dev.txt, for every Python and system at once."""

import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).parent.parent
HEAD = "# Resolved by `make lock` from pyproject.toml; do not edit.\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = _resolve(Path(folder) / "run.txt", "pyproject.toml")
        dev = _resolve(Path(folder) / "dev.txt", "--group", "dev", "--constraint", str(run))
        (PROJECT / "requirements.txt").write_text(HEAD + _pins(run), encoding="utf-8")
        (PROJECT / "requirements-dev.txt").write_text(f"{HEAD}-r requirements.txt\n{_pins(dev)}", encoding="utf-8")


def _resolve(target: Path, *options: str) -> Path:
    uv = [sys.executable, "-m", "uv", "pip", "compile", "--universal", "--python-version", "3.11"]
    subprocess.run([*uv, "--quiet", "--upgrade", "--output-file", str(target), *options], cwd=PROJECT, check=True)
    return target


def _pins(path: Path) -> str:
    """Return the pins alone: the comments name files of the machine that resolved them."""
    return "".join(f"{line.rstrip()}\n" for line in path.read_text(encoding="utf-8").splitlines() if "==" in line)


if __name__ == "__main__":
    main()
