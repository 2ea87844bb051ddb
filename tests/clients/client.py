"""Programs that use clients of image APIs, each in a process of its own: a request is a line, and so is what came of it."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

from tests import needs

HERE = Path(__file__).parent
NAMES = ("openai", "ai_sdk", "langchain", "litellm")
# Clients try again by themselves; this only ends a test that would hang.
ANSWER_SECONDS = 120
# What comes of a request: `pictures`, `models`, or an `error` with status and message.
Said = dict[str, Any]


class Client:
    """One client that runs; use it as a context manager."""

    def __init__(self, name: str) -> None:
        words, folder = _command(name)
        # Some look there for an address, and tests leave the product's own names there, empty.
        usual = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
        # Told to look up no price list on the network.
        own = {**usual, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(words, cwd=folder, env=own, stdin=pipe, stdout=pipe, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, address: str, **fields: object) -> Said:
        """Have pictures drawn at this address, or its models listed where there are no fields."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        patience = threading.Timer(ANSWER_SECONDS, self._process.kill)
        patience.start()
        try:
            print(json.dumps({"base_url": f"{address}/v1", **fields}), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        finally:
            patience.cancel()
        assert line, f"the client ended without an answer, with status {self._process.wait()}"
        said: Said = json.loads(line)
        return said


def _command(name: str) -> tuple[list[str], Path | None]:
    """Return the words that start a client, and the folder to start it in if that matters."""
    match name:
        case "langchain":
            return [str(needs.langchain()), str(HERE / "langchain_client.py")], None
        case "litellm":
            return [sys.executable, str(HERE / "litellm_client.py")], None
    node, folder = needs.npm_clients()
    # A script without a file finds the packages of the folder that it runs in.
    script = (HERE / f"{name}_client.mjs").read_text(encoding="utf-8")
    return [str(node), "--input-type=module", "--eval", script], folder
