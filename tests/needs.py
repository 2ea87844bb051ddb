"""Programs that tests need beside the requirements: found, else installed where that is possible, else the test is skipped.

What this installs itself lies in `.cache`; Debian's packages are installed by root alone, which is what CI is.
"""

import fcntl
import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import playwright
import pytest

CACHE = Path(__file__).parent.parent / ".cache"
NEWMAN_VERSION = "6.2.2"
NEWMAN = CACHE / "newman" / "node_modules" / "newman" / "bin" / "newman.js"
AXE_VERSION = "4.14.1"
NPM_CLIENTS = ("openai@7.57.0", "ai@7.0.173", "@ai-sdk/openai@4.0.118")
# In an environment of its own, because it brings some twenty packages that nothing else here needs.
LANGCHAIN = ("langchain-community==0.4.2", "openai==2.54.0")
NODE_AT_LEAST = 16
# Of Playwright's own, because systems have one that is too old for today's packages.
PLAYWRIGHT_S_NODE = Path(playwright.__file__).parent / "driver" / "node"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_ON_MACOS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
# A PATH may lack these, and what is installed there starts its neighbours by name.
USUAL_FOLDERS = ("/usr/local/bin", "/usr/bin", "/opt/homebrew/bin")
INSTALL_SECONDS = 600
ANSWER_SECONDS = 60


def node() -> str:
    """Return the path of Node.js."""
    return _node() or _skip(f"Node.js {NODE_AT_LEAST} or newer", "`apt-get install nodejs npm` or `brew install node`")


def newman() -> list[str]:
    """Return the words that start newman, which runs Postman's collections."""
    how = f"`npm install --prefix {CACHE / 'newman'} newman@{NEWMAN_VERSION}`, with the npm registry in reach"
    return _newman(node()) or _skip("newman", how)


def chromium() -> str:
    """Return the path of Chromium or Chrome."""
    return _chromium() or _skip("Chromium", "`apt-get install chromium` or `brew install --cask chromium`")


def exiftool() -> str:
    """Return the path of exiftool, which reads what is written into pictures."""
    return _exiftool() or _skip("exiftool", "`apt-get install libimage-exiftool-perl` or `brew install exiftool`")


def curl() -> str:
    """Return the path of curl, which documents tell people to use."""
    return _curl() or _skip("curl", "`apt-get install curl`")


def axe() -> Path:
    """Return the path of axe.min.js, which finds what keeps people out of a page."""
    how = f"`npm install --prefix {CACHE / 'axe'} axe-core@{AXE_VERSION}`, with the npm registry in reach"
    return _axe() or _skip("axe-core", how)


def npm_clients() -> tuple[Path, Path]:
    """Return Playwright's Node.js, and the folder in whose node_modules clients of image APIs are."""
    how = f"`npm install --prefix {CACHE / 'npm-clients'} {' '.join(NPM_CLIENTS)}`, with the npm registry in reach"
    return PLAYWRIGHT_S_NODE, _npm_clients() or _skip("a client from npm", how)


def langchain() -> Path:
    """Return the path of a Python that has langchain-community."""
    folder = CACHE / "langchain"
    how = f"`uv venv {folder}` and `uv pip install --python {folder} {' '.join(LANGCHAIN)}`, with the package index in reach"
    return _langchain() or _skip("langchain-community", how)


def _skip(what: str, how: str) -> NoReturn:
    pytest.skip(f"NOT TESTED: {what} is missing and could not be installed; get it with {how}")


@functools.cache
def _node() -> str | None:
    return _found_or_installed(_find_node, "nodejs", "npm")


@functools.cache
def _newman(runtime: str) -> list[str] | None:
    own = [runtime, str(NEWMAN)]
    with _one_at_a_time("newman"):
        if _output(*own, "--version") == NEWMAN_VERSION:
            return own
        elsewhere = _which("newman")
        if elsewhere and _output(runtime, elsewhere, "--version"):
            return [runtime, elsewhere]
        _install(CACHE / "newman", f"newman@{NEWMAN_VERSION}")
        return own if _output(*own, "--version") else None


@functools.cache
def _axe() -> Path | None:
    folder = _from_npm("axe", f"axe-core@{AXE_VERSION}")
    return folder / "node_modules" / "axe-core" / "axe.min.js" if folder else None


@functools.cache
def _npm_clients() -> Path | None:
    return _from_npm("npm-clients", *NPM_CLIENTS)


@functools.cache
def _langchain() -> Path | None:
    folder = CACHE / "langchain"
    python, uv = folder / "bin" / "python", (sys.executable, "-m", "uv")
    asked = "import importlib.metadata as found; print('langchain-community==' + found.version('langchain-community'))"
    with _one_at_a_time("langchain"):
        if _output(str(python), "-c", asked) != LANGCHAIN[0]:
            shutil.rmtree(folder, ignore_errors=True)
            _output(*uv, "venv", "--python", sys.executable, str(folder))
            _output(*uv, "pip", "install", "--python", str(python), *LANGCHAIN, seconds=INSTALL_SECONDS)
        return python if _output(str(python), "-c", asked) == LANGCHAIN[0] else None


@functools.cache
def _chromium() -> str | None:
    return _found_or_installed(_find_chromium, "chromium")


@functools.cache
def _exiftool() -> str | None:
    return _found_or_installed(lambda: _which("exiftool"), "libimage-exiftool-perl")


@functools.cache
def _curl() -> str | None:
    return _found_or_installed(lambda: _which("curl"), "curl")


def _find_node() -> str | None:
    path = _which("node", "nodejs")
    version = _output(path, "--version") if path else ""
    return path if version and int(version.lstrip("v").split(".")[0]) >= NODE_AT_LEAST else None


def _find_chromium() -> str | None:
    paths = (_which(*CHROMIUM_NAMES), *CHROMIUM_ON_MACOS)
    # Asked for its version, because Ubuntu's `chromium-browser` may only say how to install it.
    return next((path for path in paths if path and _output(path, "--version")), None)


def _from_npm(name: str, *packages: str) -> Path | None:
    """Return the folder in whose node_modules exactly these packages are, each named with its version."""
    folder = CACHE / name
    with _one_at_a_time(name):
        if not _are_there(folder, packages):
            _install(folder, *packages)
        return folder if _are_there(folder, packages) else None


def _are_there(folder: Path, packages: Iterable[str]) -> bool:
    for package, _, version in (package.rpartition("@") for package in packages):
        description = folder / "node_modules" / package / "package.json"
        if not description.exists() or json.loads(description.read_text(encoding="utf-8"))["version"] != version:
            return False
    return True


def _install(folder: Path, *packages: str) -> None:
    npm = _found_or_installed(lambda: _which("npm"), "npm")
    shutil.rmtree(folder, ignore_errors=True)
    if npm:
        options = ("--no-audit", "--no-fund", "--fetch-retries=1", "--prefix", str(folder))
        _output(npm, "install", *options, *packages, seconds=INSTALL_SECONDS)


def _found_or_installed(find: Callable[[], str | None], *packages: str) -> str | None:
    """Find a program, if need be after installing these packages of Debian's."""
    if found := find():
        return found
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return None
    with _one_at_a_time("apt"):
        install = (apt, "-o", "DPkg::Lock::Timeout=300", "install", "-y", "-qq", "--no-install-recommends", *packages)
        for words in (install, (apt, "-qq", "update"), install):
            if found := find():
                return found
            _output(*words, seconds=INSTALL_SECONDS)
        return find()


@contextmanager
def _one_at_a_time(what: str) -> Iterator[None]:
    """Keep other test sessions from installing the same at the same time."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / f"{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _which(*names: str) -> str | None:
    return next((path for name in names if (path := shutil.which(name, path=_search_path()))), None)


def _output(*words: str, seconds: float = ANSWER_SECONDS) -> str:
    """Return what a command says; empty where it fails."""
    environment = {**os.environ, "PATH": _search_path(), "DEBIAN_FRONTEND": "noninteractive"}
    try:
        ended = subprocess.run(words, capture_output=True, text=True, check=True, timeout=seconds, env=environment)
    except (OSError, subprocess.SubprocessError):
        return ""
    return ended.stdout.strip()


def _search_path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), *USUAL_FOLDERS])
