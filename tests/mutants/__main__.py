"""`make mutants`: take away each guard of guards.toml in a copy of the tree, and see that its test then fails."""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants.guards import PROJECT, Guard, guards

AT_ONCE = 2
PASSED, FAILED = 0, 1
SECONDS = 300
LEFT_OUT = shutil.ignore_patterns(".venv", ".git", ".cache", "var", "media", "__pycache__", ".mypy_cache", ".pytest_cache")


def main() -> int:
    """Print a line for each guard; return 1 if some test did not notice that its guard was gone."""
    wanted = [guard for guard in guards() if all(word in guard.name for word in sys.argv[1:])]
    with tempfile.TemporaryDirectory(prefix="chaotix-mutants-") as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        faults = list(pool.map(lambda each: _try(each[1], Path(folder) / str(each[0])), enumerate(wanted)))
    print(f"{len(wanted) - len(list(filter(None, faults)))} of {len(wanted)} guards are watched")
    return int(any(faults))


def _try(guard: Guard, tree: Path) -> bool:
    """Return whether something is wrong with a guard's test."""
    shutil.copytree(PROJECT, tree, ignore=LEFT_OUT)
    whole = _run(guard, tree)
    guard.take_away(tree)
    without = _run(guard, tree)
    shutil.rmtree(tree, ignore_errors=True)
    verdict = _verdict(whole, without)
    print(f"{'ok  ' if not verdict else 'BAD '} {guard.name}{verdict}", flush=True)
    return bool(verdict)


def _verdict(whole: int, without: int) -> str:
    if whole != PASSED:
        return f": its test does not pass with the guard in place (pytest ended with {whole})"
    return "" if without == FAILED else f": its test does not fail without it (pytest ended with {without})"


def _run(guard: Guard, tree: Path) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", guard.test]
    environment = {**os.environ, "TEST_STORES": guard.stores, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, timeout=SECONDS, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
