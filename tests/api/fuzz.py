"""Schemathesis against the running product: thousands of requests made of the schema, right and wrong."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.product import PROJECT, Product

CONFIG = Path(__file__).parent / "schemathesis.toml"
SECONDS = 900
# Every kind of request but sequences: what would lead from one to the next are ids, and tests of their own follow those.
PHASES = "examples,coverage,fuzzing"


@dataclass(frozen=True)
class Run:
    """What schemathesis said, and how many requests it made."""

    status: int
    output: str

    @property
    def cases(self) -> int:
        found = re.search(r"(\d+) generated", self.output)
        return int(found[1]) if found else 0


def run(examples: int, seed: int) -> Run:
    """Make up to so many requests of each operation, the same ones for the same seed."""
    with Product(DJANGO_SETTINGS_MODULE="tests.api.tiny_settings", STOP_SECONDS=1) as product:
        words = ["--config-file", str(CONFIG), "run", f"{product.url}/api/schema", "--continue-on-failure"]
        words += ["--max-examples", str(examples), "--seed", str(seed), "--phases", PHASES, "--workers", "2"]
        # A stream never ends.
        words += ["--exclude-path", "/api/events"]
        words += ["--suppress-health-check", "all", "--generation-database", "none"]
        command = [str(Path(sys.executable).with_name("schemathesis")), *words]
        ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=SECONDS)
        return Run(ended.returncode, ended.stdout + ended.stderr)
