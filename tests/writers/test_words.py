"""Words composes prompts that people can read, as many as were asked for and all different."""

import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.writers.base import MAX_COUNT, MAX_THEME
from imagegen.writers.starts import STARTS
from imagegen.writers.words import KINDS, MAX_PHRASE, NAMES, OURS, Words
from tests.product import PROJECT

WRITER = Words()
THOUSAND = WRITER.write(MAX_COUNT, seed=1).prompts
ON_A_THEME = WRITER.write(MAX_COUNT, "the sea at night", seed=1).prompts
CARRIED_ON = [WRITER.carry_on([start], seed).prompts[0] for start in STARTS for seed in range(30)]
LISTS = {name: (OURS / f"{name}.txt").read_text(encoding="utf-8").splitlines() for name in sorted(NAMES)}
PHRASES = {name: [line for line in lines if not line.startswith("#")] for name, lines in LISTS.items()}
SUBJECTS = sorted({kind["subject"] for kind in KINDS})
ENTRIES = [pytest.param(name, id=name) for name in sorted(NAMES)]
PROMPTS = [
    pytest.param(THOUSAND, id="without-a-theme"),
    pytest.param(ON_A_THEME, id="on-a-theme"),
    pytest.param(CARRIED_ON, id="carried-on"),
]
# What is heard otherwise than it is written; everything else in our lists follows its first letter.
HEARD_AS_CONSONANTS = {"unicorn", "one", "one-eyed", "european"}
HEARD_AS_VOWELS = {"hourglass", "x-ray", "8mm"}

HEARD = {
    "an": ["old", "hour-long", "honest", "8-bit", "18th-century", "unusual", "x-ray", "uninhabited", "ugly", "Indian"],
    "a": ["unicorn-like", "used", "one-sided", "ukiyo-e", "European", "utopian", "180-degree", "united", "étude-like"],
}
# All that Python takes for text, lone surrogates too.
TEXT = st.characters()


def visible(text: str) -> str:
    """Return what can be seen of a text, without spaces."""
    return "".join(sign for sign in text if not sign.isspace() and unicodedata.category(sign) not in ("Cc", "Cs"))


def article(word: str) -> str:
    starts_with_a_vowel = word[0] in "aeiou" and word not in HEARD_AS_CONSONANTS
    return "an" if starts_with_a_vowel or word in HEARD_AS_VOWELS else "a"


@pytest.fixture
def own(tmp_path: Path) -> Callable[..., Words]:
    """Return what makes a writer that also reads a file of people's own."""

    def made(content: str | bytes, name: str = "moods.txt") -> Words:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return Words(folder=str(tmp_path))

    return made


class TestAThousandPrompts:
    def test_they_are_all_different(self) -> None:
        assert len(set(THOUSAND)) == len(set(ON_A_THEME)) == MAX_COUNT

    def test_their_seed_makes_them_again(self) -> None:
        assert WRITER.write(MAX_COUNT, seed=1).prompts == THOUSAND

    def test_another_seed_makes_others(self) -> None:
        assert not {*WRITER.write(MAX_COUNT, seed=2).prompts} & {*THOUSAND}

    def test_without_a_seed_they_are_others_each_time(self) -> None:
        assert WRITER.write(20).prompts != WRITER.write(20).prompts

    @pytest.mark.parametrize("hash_seed", ["1", "2"])
    def test_another_process_makes_the_same(self, hash_seed: str) -> None:
        script = (
            "from imagegen.writers.words import Words; w = Words();"
            "print(*w.write(1000, 'the sea at night', 1).prompts, *w.carry_on(['A fox'], 1).prompts, sep='\\n')"
        )
        environment = {"PYTHONHASHSEED": hash_seed, "PYTHONIOENCODING": "utf-8"}
        done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, env=environment, capture_output=True, check=True)
        assert done.stdout.decode().splitlines() == [*ON_A_THEME, *WRITER.carry_on(["A fox"], 1).prompts]

    def test_ten_in_a_row_have_subjects_of_all_kinds(self) -> None:
        subjects = {phrase: name for name in SUBJECTS for phrase in PHRASES[name]}
        found = [{name for phrase, name in subjects.items() if phrase in prompt.lower()} for prompt in THOUSAND[:10]]
        assert set().union(*found) >= set(SUBJECTS)


class TestSentences:
    @pytest.mark.parametrize("prompts", PROMPTS)
    def test_a_and_an_are_right(self, prompts: list[str]) -> None:
        found = {(said.lower(), word) for prompt in prompts for said, word in re.findall(r"\b(an?) (\S+)", prompt, re.I)}
        assert len(found) > 100
        assert [(said, word) for said, word in sorted(found) if said != article(word.strip(",.:"))] == []

    @pytest.mark.parametrize("prompts", PROMPTS)
    def test_signs_and_spaces_stand_where_they_should(self, prompts: list[str]) -> None:
        wrong = re.compile(r"\s\s|\s[.,:;]|[.,:;]{2}|[.,:;][^\s]|[{}]|^\s|[^.]$")
        assert [prompt for prompt in prompts if wrong.search(prompt)] == []

    @pytest.mark.parametrize("prompts", PROMPTS)
    def test_sentences_begin_with_a_capital(self, prompts: list[str]) -> None:
        assert [prompt for prompt in prompts if re.search(r"(^|\. )[^A-Z]", prompt)] == []

    @pytest.mark.parametrize("prompts", PROMPTS)
    def test_no_word_is_said_twice_in_a_row(self, prompts: list[str]) -> None:
        assert [prompt for prompt in prompts if re.search(r"\b(\w+)[ ,]+\1\b", prompt, re.I)] == []

    @pytest.mark.parametrize("said", sorted(HEARD))
    def test_an_article_goes_by_the_sound(self, own: Callable[..., Words], said: str) -> None:
        prompts = " ".join(own("\n".join(HEARD[said])).write(MAX_COUNT, seed=1).prompts)
        found = re.findall(rf"\b(an?) ({'|'.join(HEARD[said])}) mood", prompts, re.IGNORECASE)
        assert {(article.lower(), word) for article, word in found} == {(said, word) for word in HEARD[said]}


class TestTheme:
    @given(theme=st.text(TEXT, max_size=MAX_THEME), count=st.integers(1, 40), seed=st.integers() | st.none())
    def test_any_theme_makes_as_many_different_lines(self, theme: str, count: int, seed: int | None) -> None:
        prompts = WRITER.write(count, theme, seed).prompts
        assert len(set(prompts)) == len(prompts) == count
        assert all(prompt.encode().decode().splitlines() == [prompt] == [prompt.strip()] for prompt in prompts)
        assert max(map(len, prompts)) <= 400 + len(theme)

    @given(theme=st.text(TEXT, max_size=MAX_THEME), seed=st.integers())
    def test_theme_and_seed_make_the_same_again(self, theme: str, seed: int) -> None:
        assert WRITER.write(5, theme, seed).prompts == Words().write(5, theme, seed).prompts

    @pytest.mark.parametrize(
        "theme",
        [
            pytest.param("the sea at night", id="words"),
            pytest.param("{subject} {0} {", id="braces"),
            pytest.param(r"\1 \g<0> %s $x", id="other-signs"),
            pytest.param("🦊👩‍👩‍👧 in love", id="emoji"),
            pytest.param("夜の海", id="another-script"),
            pytest.param("x" * MAX_THEME, id="the-longest"),
        ],
    )
    def test_every_prompt_says_it(self, theme: str) -> None:
        assert [prompt for prompt in WRITER.write(100, theme, seed=1).prompts if theme not in prompt] == []

    @pytest.mark.parametrize(
        "theme",
        [
            pytest.param(" the sea\n at\t\tnight ", id="blanks"),
            pytest.param("the\x00sea at\u2028\ud800night", id="what-no-database-keeps"),
            pytest.param("the sea at night...", id="a-full-stop"),
        ],
    )
    def test_what_does_not_belong_amid_a_sentence_is_left_out(self, theme: str) -> None:
        assert WRITER.write(9, theme, seed=1).prompts == ON_A_THEME[:9]

    @pytest.mark.parametrize(
        "theme",
        [pytest.param("  \n ", id="blanks"), pytest.param("...", id="dots"), pytest.param("\x00", id="nothing-visible")],
    )
    def test_a_theme_of_no_words_is_none(self, theme: str) -> None:
        assert WRITER.write(9, theme, seed=1).prompts == THOUSAND[:9]

    def test_its_words_are_met_more_often(self) -> None:
        def met(prompts: list[str]) -> int:
            return sum("robot" in prompt for prompt in prompts)

        plain, themed = THOUSAND[:300], WRITER.write(300, "Robots!", seed=1).prompts
        assert met([prompt.replace("Robots", "") for prompt in themed]) > 5 * met(plain)

    def test_a_theme_that_is_too_long_is_refused_with_the_limit(self) -> None:
        with pytest.raises(ValueError, match="the theme has 10000 characters; at most 200 are allowed"):
            WRITER.write(1, "x" * 10_000)


class TestCount:
    @pytest.mark.parametrize("count", [-1, 0, MAX_COUNT + 1])
    def test_a_count_out_of_range_is_refused_with_the_limit(self, count: int) -> None:
        with pytest.raises(ValueError, match=f"^{count} prompts .* from 1 to 1000"):
            WRITER.write(count)

    def test_it_costs_nothing(self) -> None:
        assert Words.is_free


class TestStarts:
    def test_there_are_thirty_different_ones(self) -> None:
        assert len(STARTS) == len({start.lower() for start in STARTS}) == 30

    @pytest.mark.parametrize("start", [pytest.param(start, id=f"start-{place}") for place, start in enumerate(STARTS)])
    def test_each_is_half_a_sentence(self, start: str) -> None:
        assert re.fullmatch(r"[A-Z][A-Za-z' ]*[a-z]", start)
        assert WRITER.carry_on([start], seed=1).prompts[0].startswith((f"{start}, ", f"{start} "))

    def test_they_go_on_differently(self) -> None:
        assert len(set(CARRIED_ON)) == len(CARRIED_ON)

    @given(start=st.text(TEXT), seed=st.integers())
    def test_any_start_goes_on_in_one_line_that_begins_with_it(self, start: str, seed: int) -> None:
        prompt = WRITER.carry_on([start], seed).prompts[0]
        assert visible(prompt).startswith(visible(start))
        assert prompt.encode().decode().splitlines() == [prompt] == [prompt.strip()]
        assert len(visible(start)) + 20 <= len(prompt) <= len(start) + 400
        assert prompt == WRITER.carry_on([start], seed).prompts[0]

    @pytest.mark.parametrize(
        ("start", "rest"),
        [
            pytest.param("", r"[A-Z]", id="nothing"),
            pytest.param("A storm. It ends!", r" [A-Z]", id="a-sentence"),
            pytest.param("She said “Stop.”", r" [A-Z]", id="a-quotation"),
            pytest.param("A fox and", r" (an?|two|three) ", id="a-conjunction"),
            pytest.param("Robots:", r" (an?|two|three) ", id="a-colon"),
            pytest.param("A picnic in", r" an? ", id="a-preposition"),
            pytest.param("I saw a", r" most unusual [a-z]", id="an-article"),
            pytest.param("I saw an", r" unexpected [a-z]", id="an-article-before-a-vowel"),
            pytest.param("My", r" (?!an? )[a-z]", id="a-possessive"),
            pytest.param("A fox that", r" (might|could) be [a-z]", id="a-pronoun"),
            pytest.param("Two foxes are", r" [a-z]", id="a-verb"),
            pytest.param("Below the ice", r", (an?|two|three) ", id="an-adverb"),
            pytest.param("Below the ice,", r" (an?|two|three) ", id="a-comma"),
            pytest.param("A fox...", r" [a-z]", id="an-ellipsis"),
            pytest.param("A fox", r", [a-z]", id="a-subject"),
            pytest.param("A fox on a bridge", r", [a-z]", id="a-subject-somewhere"),
        ],
    )
    def test_how_it_ends_says_how_it_goes_on(self, start: str, rest: str) -> None:
        found = [WRITER.carry_on([start], seed).prompts[0] for seed in range(40)]
        assert [prompt for prompt in found if not re.match(re.escape(start) + rest, prompt)] == []

    def test_a_start_that_names_its_picture_gets_no_other(self) -> None:
        pictures = re.compile(rf"\b({'|'.join(PHRASES['media'] + PHRASES['photographs'])})\.")
        named, unnamed = (
            [WRITER.carry_on([start], seed).prompts[0] for seed in range(100)]
            for start in ("An oil painting of", "A dream of")
        )
        assert [prompt for prompt in named if pictures.search(prompt)] == []
        assert [prompt for prompt in unnamed if pictures.search(prompt)] != []


class TestLists:
    @pytest.mark.parametrize("name", ENTRIES)
    def test_its_phrases_are_different_short_and_in_lower_case(self, name: str) -> None:
        assert len(PHRASES[name]) == len(set(PHRASES[name])) >= 25
        assert [phrase for phrase in PHRASES[name] if not re.fullmatch(r"[a-z0-9][a-z0-9,' -]*[a-z]", phrase)] == []
        assert max(map(len, PHRASES[name])) <= MAX_PHRASE

    @pytest.mark.parametrize("name", ENTRIES)
    def test_it_begins_with_a_line_that_says_how_to_write_one(self, name: str) -> None:
        assert re.fullmatch(r"# [A-Z].*\.", LISTS[name][0])

    @pytest.mark.parametrize("name", SUBJECTS)
    def test_subjects_bring_their_article(self, name: str) -> None:
        assert [phrase for phrase in PHRASES[name] if not re.match(r"(an?|two|three) ", phrase)] == []

    def test_there_is_no_other_file(self) -> None:
        assert {path.name for path in OURS.iterdir()} == {f"{name}.txt" for name in NAMES}

    def test_they_make_many_millions_of_prompts(self) -> None:
        shape = ("subject", "doing", "where", "light")
        pictures = len(PHRASES["styles"]) * len(PHRASES["media"]) + len(PHRASES["photographs"])
        fitting = [[len(PHRASES[kind[part]]) for part in shape] for kind in KINDS]
        assert sum(a * b * c * d for a, b, c, d in fitting) * pictures > 10**9

    def test_any_phrases_that_are_allowed_make_prompts_of_400_characters_at_most(self, tmp_path: Path) -> None:
        for name in NAMES:
            (tmp_path / f"{name}.txt").write_text("\n".join(f"a{n}".ljust(MAX_PHRASE, "x") for n in range(500)))
        assert max(map(len, Words(folder=tmp_path).write(MAX_COUNT, seed=1).prompts)) <= 400
        assert max(map(len, Words(folder=tmp_path).write(MAX_COUNT, "y", seed=1).prompts)) <= 401


class TestListsOfPeoplesOwn:
    def test_their_phrases_come_too(self, own: Callable[..., Words]) -> None:
        prompts = " ".join(own("# Ours.\n\n  sea-sick \n# more\ngrumpy # and how\n").write(300, seed=1).prompts)
        assert "in a sea-sick mood" in prompts
        assert "in a grumpy mood" in prompts
        assert "tender" in prompts

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(b"\xef\xbb\xbfgrumpy\r\n", id="of-windows"),
            pytest.param(b"calm\ngrumpy", id="without-an-end"),
            pytest.param(b"{mood} \\1\ngrumpy", id="with-signs"),
        ],
    )
    def test_files_of_every_origin_are_read(self, own: Callable[..., Words], content: bytes) -> None:
        assert "in a grumpy mood" in " ".join(own(content).write(400, seed=1).prompts)

    def test_an_empty_file_changes_nothing(self, own: Callable[..., Words]) -> None:
        assert own("# Nothing yet.\n").write(50, seed=1).prompts == THOUSAND[:50]

    def test_a_phrase_that_is_ours_already_changes_nothing(self, own: Callable[..., Words]) -> None:
        assert own("tender\ntender\n").write(50, seed=1).prompts == THOUSAND[:50]

    def test_hidden_files_are_left_alone(self, own: Callable[..., Words]) -> None:
        assert own(b"\xff", ".DS_Store").write(50, seed=1).prompts == THOUSAND[:50]

    @pytest.mark.parametrize("name", ["feelings.txt", "moods.text", "README", "Moods.txt"])
    def test_a_file_that_is_no_list_is_named(self, own: Callable[..., Words], name: str) -> None:
        with pytest.raises(ValueError, match=rf"/{name} is no word list; those are .*moods\.txt"):
            own("grumpy", name)

    def test_a_file_that_cannot_be_read_is_named(self, own: Callable[..., Words]) -> None:
        with pytest.raises(ValueError, match=r"/moods\.txt cannot be read"):
            own(b"\xff\xfe")

    def test_a_phrase_that_is_too_long_is_named(self, own: Callable[..., Words]) -> None:
        with pytest.raises(ValueError, match=r"/moods\.txt has a phrase with more than 50 characters: xxx"):
            own("x" * 51)

    def test_a_folder_that_is_not_there_is_named(self) -> None:
        with pytest.raises(ValueError, match="/nowhere/lists is no folder with word lists"):
            Words(folder="/nowhere/lists")
