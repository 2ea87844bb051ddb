"""Writers are made as settings say, once, and what settings say wrongly is named."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from imagegen.writers import registry
from imagegen.writers.words import Words
from tests.product import PROJECT, clean_environment

WORDS = "imagegen.writers.words.Words"


def test_words_are_there_without_any_setting() -> None:
    assert registry.names() == ["words", "openai", "huggingface"]
    assert isinstance(registry.get(registry.default()), Words)


def test_the_default_comes_first(settings: Any) -> None:
    settings.PROMPT_WRITERS = {"words": {"BACKEND": WORDS}, "mine": {"BACKEND": WORDS}}
    settings.DEFAULT_WRITER = "mine"
    assert registry.names() == ["mine", "words"]


def test_a_writer_is_made_once() -> None:
    assert registry.get("words") is registry.get("words")


def test_other_settings_make_other_writers(settings: Any) -> None:
    before = registry.get("words")
    settings.PROMPT_WRITERS = {"words": {"BACKEND": WORDS}}
    assert registry.get("words") is not before


def test_a_writer_that_settings_do_not_have_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="nobody"):
        registry.get("nobody")


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"BACKEND": "nowhere.Nobody"}, id="no-module"),
        pytest.param({"BACKEND": "imagegen.providers.demo.Demo"}, id="a-provider"),
        pytest.param({"BACKEND": WORDS, "OPTIONS": {"foldr": "lists"}}, id="no-such-option"),
        pytest.param({"BACKEND": WORDS, "OPTIONS": {"folder": "/nowhere"}}, id="no-such-folder"),
    ],
)
def test_an_entry_that_cannot_be_made_is_named(settings: Any, entry: dict[str, Any]) -> None:
    settings.PROMPT_WRITERS = {"mine": entry}
    with pytest.raises(ImproperlyConfigured, match=r"PROMPT_WRITERS\['mine'\]"):
        registry.get("mine")


def written(folder: Path, **names: object) -> subprocess.CompletedProcess[str]:
    """Run a process with these settings that says who is the default, and which lists are added to its own."""
    script = "from chaotix import settings as s; print(s.DEFAULT_WRITER, s.PROMPT_WRITERS['words']['OPTIONS'])"
    environment = clean_environment(DATA_DIR=folder / "var", **names)
    return subprocess.run([sys.executable, "-c", script], cwd=PROJECT, env=environment, capture_output=True, text=True)


def test_the_environment_names_a_folder_of_lists(tmp_path: Path) -> None:
    assert written(tmp_path, WORD_LISTS=tmp_path).stdout == f"words { ({'folder': tmp_path}) }\n"


def test_without_a_folder_the_lists_are_our_own(tmp_path: Path) -> None:
    assert written(tmp_path, DEFAULT_WRITER="words").stdout == "words {}\n"


def test_a_default_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "DEFAULT_WRITER=nobody is not one of words" in written(tmp_path, DEFAULT_WRITER="nobody").stderr
