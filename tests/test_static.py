"""Style and script are there whichever way the site is served."""

import hashlib
import subprocess
import sys
from pathlib import Path

import requests

from tests.product import PROJECT, clean_environment
from tests.waiting import unused_port, wait_until


def test_the_pages_work_under_runserver_without_collectstatic(tmp_path: Path) -> None:
    port = unused_port()
    environment = clean_environment(DATA_DIR=tmp_path / "var", MEDIA_ROOT=tmp_path / "media")
    command = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
    subprocess.run([*command[:2], "migrate", "--verbosity", "0"], cwd=PROJECT, env=environment, check=True)
    server = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _serves(port), seconds=30, what="runserver")
        assert 'href="/static/imagegen/chaotix.css"' in requests.get(f"http://127.0.0.1:{port}/", timeout=10).text
        assert requests.get(f"http://127.0.0.1:{port}/static/imagegen/chaotix.css", timeout=10).status_code == 200
    finally:
        server.terminate()
        server.wait(timeout=10)


def test_what_others_wrote_is_as_they_published_it() -> None:
    folder = PROJECT / "imagegen" / "static" / "photoswipe"
    sums = dict(line.split()[::-1] for line in (folder / "README.md").read_text().splitlines() if line.startswith("    "))
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.name != "README.md"
    }
    assert found == sums


def _serves(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False
