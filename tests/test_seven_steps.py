"""CONTRIBUTING's "Add a provider in seven steps", followed to the letter in a copy of the project."""

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.product import PROJECT, clean_environment

STEPS = "## Add a provider in seven steps"
# A file's name alone in its line, and the block below it.
PART = re.compile(r"^ +`([\w./]+)`\n\n( +)```\w*\n(.*?)\n\2```$", re.MULTILINE | re.DOTALL)
ENTRY_COMES_BEFORE = '        "demo": {'
NEW = {"imagegen/providers/toy.py", "tests/standins/toy.py", "tests/providers/test_toy.py"}
ADDED_TO = {"chaotix/image_providers.py", ".env.example"}


def parts() -> dict[str, str]:
    """Return what the steps say to write, by file."""
    chapter = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition(STEPS)[2].partition("\n## ")[0]
    return {path: textwrap.dedent(block) + "\n" for path, _, block in PART.findall(chapter)}


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which somebody has followed the steps."""
    folder = tmp_path_factory.mktemp("seven") / "chaotix"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "media", "var", "staticfiles")
    shutil.copytree(PROJECT, folder, ignore=ignored)
    shutil.copy(PROJECT / ".env.example", folder)
    for path, text in parts().items():
        target = folder / path
        match path:
            case "chaotix/image_providers.py":
                entry = textwrap.indent(text, " " * 8)
                target.write_text(target.read_text().replace(ENTRY_COMES_BEFORE, entry + ENTRY_COMES_BEFORE))
            case ".env.example":
                target.write_text(target.read_text() + text)
            case _:
                target.write_text(text)
    return folder


def python(folder: Path, *words: str) -> None:
    """Run this Python in the copy. Raises AssertionError with what it said."""
    environment = clean_environment(DJANGO_SETTINGS_MODULE="tests.settings", TEST_STORES="")
    done = subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_the_steps_touch_one_module_one_entry_and_what_tests_them() -> None:
    assert set(parts()) == NEW | ADDED_TO


def test_the_new_provider_keeps_the_contract_of_all(followed: Path) -> None:
    python(followed, "-m", "pytest", "-q", "tests/providers/test_toy.py", "-p", "no:cacheprovider")


def test_every_rule_about_the_code_is_kept(followed: Path) -> None:
    python(followed, "-m", "ruff", "check", "--no-cache", *sorted(NEW))
    python(followed, "-m", "ruff", "format", "--no-cache", "--check", *sorted(NEW), "chaotix/image_providers.py")
    python(followed, "-c", "import sys; from importlinter import cli; sys.exit(cli.lint_imports(no_cache=True))")


def test_the_product_knows_the_new_provider(followed: Path) -> None:
    missing = "registry.get('toy').not_configured() == 'TOY_API_KEY is not set'"
    python(followed, "-c", f"import django; django.setup(); from imagegen.providers import registry; assert {missing}")
