"""Out of a text that goes on for ever comes one prompt; and the lines that such a model is given."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.writers.continuing import MAX_WORDS, begun, ended
from imagegen.writers.starts import STARTS

LINE = "A fox"
# Whatever may stand at the end of bytes that a model was cut off in, lone surrogates too.
ANYTHING = st.text(st.characters(), max_size=200)
READABLE = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=30)


class TestBegun:
    @pytest.mark.parametrize("count", [1, 7, len(STARTS), 50])
    def test_there_are_as_many_lines_as_are_asked_for(self, count: int) -> None:
        assert len(begun(count, "", random.Random(1))) == count

    def test_a_line_comes_again_only_after_all_others(self) -> None:
        lines = begun(2 * len(STARTS), "", random.Random(1))
        assert {*lines[: len(STARTS)]} == {*lines[len(STARTS) :]} == {*STARTS}

    def test_the_same_dice_bring_the_same_lines(self) -> None:
        one, same, other = (begun(20, "", random.Random(seed)) for seed in (1, 1, 2))
        assert one == same != other

    @pytest.mark.parametrize("theme", ["the sea", "  the\n sea. ", "the sea:", "the sea!?"])
    def test_each_line_names_the_theme_once_and_on_one_line(self, theme: str) -> None:
        for line in begun(30, theme, random.Random(1)):
            assert line.removeprefix("the sea: ") in STARTS

    @pytest.mark.parametrize("theme", ["", "   ", "..."])
    def test_a_theme_of_nothing_is_none(self, theme: str) -> None:
        assert {*begun(30, theme, random.Random(1))} == {*STARTS}


class TestEnded:
    @pytest.mark.parametrize(
        ("rest", "prompt"),
        [
            (" walks home", "A fox walks home"),
            (", red and old, walks", "A fox, red and old, walks"),
            (". It is late", "A fox. It is late"),
            ("'s den", "A fox's den"),
            (": a portrait", "A fox: a portrait"),
            ("\nwalks home", "A fox walks home"),
            ("\n\n  walks   slowly  home ", "A fox walks slowly home"),
            ("", "A fox"),
            (" \n ", "A fox"),
        ],
    )
    def test_the_text_goes_on_from_the_line(self, rest: str, prompt: str) -> None:
        assert ended(LINE, LINE + rest) == prompt

    def test_a_text_without_the_line_before_it_is_put_behind_it(self) -> None:
        assert ended(LINE, "walks home") == "A fox walks home"

    @pytest.mark.parametrize("sign", ".!?")
    def test_it_ends_with_its_second_sentence(self, sign: str) -> None:
        assert ended(LINE, f"{LINE} walks{sign} It rains{sign} Breaking news") == f"A fox walks{sign} It rains{sign}"

    def test_a_figure_ends_no_sentence(self) -> None:
        assert ended(LINE, f"{LINE} of 1.5 metres at f/2.8 in 4.5 seconds") == "A fox of 1.5 metres at f/2.8 in 4.5 seconds"

    def test_it_ends_with_its_first_paragraph(self) -> None:
        assert ended(LINE, f"{LINE} walks\n\nBreaking news") == "A fox walks"

    def test_it_ends_after_so_many_words(self) -> None:
        assert len(ended(LINE, f"{LINE} {'and ' * 200}").split()) == len(LINE.split()) + MAX_WORDS

    @pytest.mark.parametrize("space", ["\t", "\u00a0", "\u2009", "\u3000"], ids=ascii)
    def test_words_stay_apart_whatever_stands_between_them(self, space: str) -> None:
        assert ended(LINE, f"{LINE} walks{space}home").split() == ["A", "fox", "walks", "home"]

    @pytest.mark.parametrize("sign", ["\x00", "\x07", "\x1b", "\ud83d", "\u200e", "\ufeff"], ids=ascii)
    def test_what_nobody_can_see_is_left_out(self, sign: str) -> None:
        assert ended(LINE, f"{LINE} wal{sign}ks") == "A fox walks"

    @given(READABLE, ANYTHING, st.booleans())
    def test_whatever_a_model_writes_is_one_line_that_begins_as_it_should(self, line: str, rest: str, in_full: bool) -> None:
        prompt = ended(line, f"{line}{rest}" if in_full else rest)
        assert prompt.startswith(line)
        assert prompt.isprintable()
        assert prompt == prompt.strip()
        prompt.encode()
