"""A language model in a folder: a GPT-2 with random weights, built here, with no network to ask for anything."""

from pathlib import Path

import pytest

from imagegen import errors
from imagegen.writers.local_text import LocalText
from imagegen.writers.starts import STARTS
from tests.standins import gpt2

pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gpt2.build(tmp_path_factory.mktemp("gpt2"))


@pytest.fixture(scope="module")
def writer(folder: Path) -> LocalText:
    return LocalText(folder=folder)


def test_each_line_is_carried_on(writer: LocalText) -> None:
    found = writer.carry_on(["A fox", "Two owls"], seed=1).prompts
    assert [prompt.startswith(line) for prompt, line in zip(found, ["A fox", "Two owls"], strict=True)] == [True, True]


def test_the_same_seed_writes_the_same(writer: LocalText) -> None:
    assert writer.write(3, seed=5) == writer.write(3, seed=5)
    assert writer.write(3, seed=5) != writer.write(3, seed=6)


def test_prompts_begin_with_lines_of_ours(writer: LocalText) -> None:
    assert all(prompt.startswith(STARTS) for prompt in writer.write(5, seed=1).prompts)


def test_a_theme_stands_first(writer: LocalText) -> None:
    assert all(prompt.startswith("the sea: ") for prompt in writer.write(2, "the sea.", seed=1).prompts)


def test_the_dice_of_others_are_left_alone(writer: LocalText) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    writer.carry_on(["A fox"], seed=1)
    assert torch.rand(1) == expected


def test_it_costs_nothing_and_is_ready(writer: LocalText) -> None:
    assert writer.is_free
    assert writer.not_configured() is None


def test_a_folder_without_a_model_is_said(tmp_path: Path) -> None:
    writer = LocalText(folder=tmp_path)
    assert "there is no config.json in it" in (writer.not_configured() or "")
    with pytest.raises(errors.NotConfigured):
        writer.carry_on(["A fox"])


@pytest.mark.parametrize("count", [0, 51])
def test_a_count_out_of_range_is_refused(writer: LocalText, count: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 50"):
        writer.write(count)
