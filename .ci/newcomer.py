"""Do what the README says, as it stands there: `make run`, its two curls, and look at the pictures."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

PROJECT = Path(__file__).parent.parent
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
START_SECONDS = 600


def main() -> None:
    begun = time.monotonic()
    product = subprocess.Popen(["make", "run"], cwd=PROJECT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        wait_until_ready(product)
        make, show = (block for block in blocks() if block.startswith("curl"))
        ids = json.loads(shell(make))["task_ids"]
        pictures = wait_for_pictures(show, ids)
        print(f"newcomer: three pictures {time.monotonic() - begun:.0f} s after the clone", flush=True)
        for picture in pictures:
            decode(picture)
    finally:
        os.killpg(product.pid, signal.SIGINT)
        product.wait(timeout=60)
    print("newcomer: done", flush=True)


def wait_until_ready(product: "subprocess.Popen[str]") -> None:
    assert product.stdout is not None
    for line in product.stdout:
        print(line, end="", flush=True)
        if line.startswith("ready http://127.0.0.1:8000"):
            return
    sys.exit("newcomer: `make run` ended without a `ready` line")


def blocks() -> list[str]:
    """Return the commands of the README."""
    return re.findall(r"```bash\n(.*?)```", (PROJECT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def shell(command: str) -> str:
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout


def wait_for_pictures(show: str, ids: list[str]) -> list[str]:
    """Send the README's second curl with these ids until the page has all pictures; return their addresses, in order."""
    assert len(ids) == 3, ids
    mine = iter(ids)
    command = UUID.sub(lambda _: next(mine), show)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        page = shell(command)
        pictures = re.findall(r'<img src="(http://localhost:8000/media/[^"]+)"', page)
        if len(pictures) == 3:
            assert [UUID.findall(picture)[0] for picture in pictures] == ids, "the order is not the one asked for"
            return pictures
        time.sleep(0.2)
    sys.exit(f"newcomer: no pictures on the page:\n{page}")


def decode(address: str) -> None:
    """Decode a picture with the Pillow that `make run` installed."""
    body = urllib.request.urlopen(address, timeout=10).read()
    check = "import io, sys; from PIL import Image; Image.open(io.BytesIO(sys.stdin.buffer.read())).load()"
    subprocess.run([PROJECT / ".venv" / "bin" / "python", "-c", check], input=body, check=True)


if __name__ == "__main__":
    main()
