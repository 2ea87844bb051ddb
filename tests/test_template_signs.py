"""What is read as a sign of a template, and what stays the text that it is, byte for byte."""

import itertools
import time
import timeit
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen import template_signs
from imagegen.template_signs import LIST_NAME, MAX_DEPTH, Column, FromList, Option, Part, Pick, Text

# What texts are built of that are most likely to be misread.
SIGNS = [
    "{",
    "}",
    "|",
    "__",
    "\\",
    "$$",
    "::",
    "-",
    "{{",
    "}}",
    "{2$$",
    "{1-2$$ or $$",
    "3::",
    "0.5::",
    "__a__",
    "{{b}}",
    "\\{",
]
sign_soup = st.lists(st.sampled_from([*SIGNS, "1", "a", "b c", " ", "\n", "é", "🐕", "_"]), max_size=40).map("".join)


def sources(text: str) -> str:
    """Return the text again as it was written, put together of what was read."""
    return "".join(part.text if isinstance(part, Text) else part.source for part in template_signs.read(text))


def options(text: str) -> list[tuple[str, float]]:
    """Return the texts and weights that the only group of a template chooses from."""
    [pick] = template_signs.read(text)
    assert isinstance(pick, Pick)
    return [("".join(map(words, option.parts)), option.weight) for option in pick.options]


def words(part: Part) -> str:
    return part.text if isinstance(part, Text) else part.source


# --- What is text -------------------------------------------------------------------------------------------------

TEXTS = [
    "50% off {", "}", "{", "{{", "}}", "{}", "{{}}", "{ }", "{word}", "{a b, c}", "{a|b", "a|b}", "a|b", "}a|b{", "|", "||",
    "__", "____", "_____", "__a", "a__", "_a_", "__ a__", "__é__", "__-a__", "__a\nb__", "{2$$", "{2$$a", "{2$$a|b",
    "{1-2$$ and $$a|b", "{$$a}", "{$$}", "$$", "2$$", "{-}", "{a::b}", "3::a", "::", "{{a", "{{a}", "{{1a}}", "{{a\nb}}",
    "{{}", "{ {", "} {", "{ a } | { b }", "\\", "\\n", "\\\\", "\\|", "\\$$", "\\::", "\\_", "a\\", "${a}", "$(a)", "%{a}",
    "{{" + "a" * 61 + "}}", "__" + "a" * 61 + "__", "{" * 60 + "}" * 60, "{a|" * 60 + "b" + "}" * 60, "{" * 60, "}" * 60,
    '{"json": [1, 2]}', "f(x) { return x; }", "a\r\n\tb\u200b", "",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_malformed_is_text_byte_for_byte(text: str) -> None:
    assert template_signs.read(text) == ((Text(text),) if text else ())


@given(st.text().filter(lambda text: not any(sign in text for sign in ("{", "}", "__", "\\"))))
def test_any_text_without_signs_is_one_part_that_is_itself(text: str) -> None:
    assert template_signs.read(text) == ((Text(text),) if text else ())


@given(sign_soup.filter(lambda text: "\\" not in text))
def test_nothing_of_a_text_without_backslashes_is_lost_in_reading(text: str) -> None:
    assert sources(text) == text


@given(st.one_of(st.text(), sign_soup))
def test_texts_are_never_empty_and_never_side_by_side(text: str) -> None:
    parts = template_signs.read(text)
    assert Text("") not in parts
    assert not any(isinstance(one, Text) and isinstance(other, Text) for one, other in itertools.pairwise(parts))


@pytest.mark.parametrize("text", ["{ {a|b}", "{a|b} }", "{word {a|b}}", "{{a|b}", "50% off { {a|b} {", "{{a}|b} {"])
def test_a_group_among_stray_braces_is_still_a_group(text: str) -> None:
    assert [type(part) for part in template_signs.read(text)].count(Pick) == 1
    assert sources(text) == text


def test_groups_as_deep_as_is_allowed_are_groups() -> None:
    [part] = template_signs.read("{a|" * MAX_DEPTH + "b" + "}" * MAX_DEPTH)
    assert sum(isinstance(each, Pick) for each in template_signs.walk((part,))) == MAX_DEPTH


def test_what_stands_beside_braces_that_are_too_deep_is_read() -> None:
    deep = "{a|" * 60 + "}" * 60
    assert [words(part) for part in template_signs.read(f"{{c|d}} {deep} __e__")] == ["{c|d}", f" {deep} ", "__e__"]


# --- What is a sign -----------------------------------------------------------------------------------------------


def test_a_group_is_read_with_what_stands_around_it() -> None:
    read = template_signs.read("a {b|c} d")
    assert read == (Text("a "), Pick((Option((Text("b"),)), Option((Text("c"),))), 1, 1, "", "{b|c}"), Text(" d"))


def test_lists_and_columns_are_read_by_name() -> None:
    assert template_signs.read("__big cats/old-1__{{ First name }}") == (
        FromList("big cats/old-1", "__big cats/old-1__"),
        Column("First name", "{{ First name }}"),
    )


@pytest.mark.parametrize("name", ["a", "élan", "a-b", "a b", "a" * 60])
def test_columns_may_have_these_names(name: str) -> None:
    assert template_signs.read(f"{{{{{name}}}}}") == (Column(name, f"{{{{{name}}}}}"),)


@given(st.from_regex(LIST_NAME, fullmatch=True))
def test_whatever_may_be_the_name_of_a_list_can_be_named(name: str) -> None:
    assert template_signs.read(f"__{name}__") == (FromList(name, f"__{name}__"),)


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("{a|b|c}", (1, 1, "")),
        ("{2$$a|b|c}", (2, 2, ",")),
        ("{ 2$$a|b|c}", (2, 2, ",")),
        ("{2$$ and $$a|b|c}", (2, 2, " and ")),
        ("{1-2$$a|b|c}", (1, 2, ",")),
        ("{1-2$$ and $$a|b|c}", (1, 2, " and ")),
        ("{2-1$$a|b|c}", (1, 2, ",")),
        ("{2-$$a|b|c}", (2, 3, ",")),
        ("{-2$$a|b|c}", (1, 2, ",")),
        ("{0-1$$a|b|c}", (0, 1, ",")),
        ("{2$$$$a|b|c}", (2, 2, "")),
        ("{2$$\n$$a|b|c}", (2, 2, "\n")),
        ("{2$$ | $$a|b|c}", (2, 2, " | ")),
    ],
)
def test_a_group_says_how_many_and_with_what_between(text: str, bounds: tuple[int, int, str]) -> None:
    [pick] = template_signs.read(text)
    assert isinstance(pick, Pick)
    assert (pick.least, pick.most, pick.joiner) == bounds
    assert [words(*option.parts) for option in pick.options] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("{3::a|b}", [("a", 3), ("b", 1)]),
        ("{0.5::a|.25::b|2.::c}", [("a", 0.5), ("b", 0.25), ("c", 2)]),
        ("{ 3:: a | b }", [("a ", 3), ("b ", 1)]),
        ("{2$$3::a|0::b}", [("a", 3), ("b", 0)]),
        ("{-1::a|x::b|3:c}", [("-1::a", 1), ("x::b", 1), ("3:c", 1)]),
        ("{3::a|2::a|b}", [("a", 5), ("b", 1)]),
        ("{3::{c|d}|b}", [("{c|d}", 3), ("b", 1)]),
        ("{a||b}", [("a", 1), ("", 1), ("b", 1)]),
        ("{|a}", [("", 1), ("a", 1)]),
    ],
)
def test_an_option_says_how_often_it_comes(text: str, read: list[tuple[str, float]]) -> None:
    assert options(text) == read


def test_a_line_of_a_list_is_a_template_with_a_weight() -> None:
    assert template_signs.read_option("2::a __b__") == Option((Text("a "), FromList("b", "__b__")), 2)


def test_a_bar_in_a_line_of_a_list_is_text() -> None:
    assert template_signs.read_option("a|b") == Option((Text("a|b"),))


# --- Escapes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (r"\{a|b\}", "{a|b}"),
        (r"\{a|b}", "{a|b}"),
        (r"\__a__", "__a__"),
        (r"\__init\__", "__init__"),
        (r"\{{name}}", "{{name}}"),
        (r"{word \{ \} \__}", "{word { } __}"),
        (r"{unclosed \{", "{unclosed {"),
        (r"{word \| \:: \$$}", r"{word \| \:: \$$}"),
        (r"{unclosed \|", r"{unclosed \|"),
    ],
)
def test_a_sign_after_a_backslash_is_text(text: str, read: str) -> None:
    assert template_signs.read(text) == (Text(read),)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (r"{a\|b|c}", ["a|b", "c"]),
        (r"{2\$$a|b}", ["2$$a", "b"]),
        (r"{2\::a|b}", ["2::a", "b"]),
        (r"{\{a\}|\__b\__}", ["{a}", "__b__"]),
        (r"{2$$3\::a|b}", ["3::a", "b"]),
        (r"{a\n|b\\c}", [r"a\n", r"b\\c"]),
        (r"{a|{b\|c|d} }", ["a", r"{b\|c|d} "]),
        (r"{a|{b\|c} }", ["a", "{b|c} "]),
    ],
)
def test_a_sign_after_a_backslash_is_text_between_braces(text: str, read: list[str]) -> None:
    assert [text for text, _ in options(text)] == read


# --- Time ---------------------------------------------------------------------------------------------------------

ADVERSE = [
    "|", "}", "{", "_", "\\", "$", ":", " ", "-", "__", "__a", "__a ", "\\{", "\\|", "{a|", "{a}", "{2$$", "{2$$a", "{ ",
    "{1-", "{{a ", "{{a", "{}", "a|b}", "3::", "{3::", "{{a}}", "__a__", "{a|b}", "{9$$ ",
]  # fmt: skip


def nested(length: int) -> Iterator[str]:
    for begin in ("{", "{a|", "{2$$", "{{", "{a|b}{"):
        half = length // (len(begin) + 1)
        yield begin * half + "}" * half


def texts(length: int) -> list[str]:
    long_runs = [
        "{" + " " * length,
        "{2$$" + "a" * length,
        "{a|" + " " * length + "}",
        "__" + "a" * length,
        "{1::" * 9 + "9" * length,
    ]
    return [*((word * length)[:length] for word in ADVERSE), *nested(length), *long_runs]


def seconds(text: str, times: int) -> float:
    """Return the processor time of the quickest of so many readings; timeit collects no garbage meanwhile."""
    return min(timeit.repeat(lambda: template_signs.read(text), number=1, repeat=times, timer=time.process_time))


@pytest.mark.parametrize("kind", range(len(texts(10))))
def test_reading_takes_time_in_proportion_to_the_text(kind: int) -> None:
    short, long = (texts(length)[kind] for length in (2_500, 10_000))
    # A tenth of a millisecond, because what is hardly there cannot be compared.
    assert seconds(long, 2) < 12 * max(seconds(short, 4), 1e-4)


def test_reading_a_text_that_is_far_too_long_takes_time_in_proportion_too() -> None:
    assert seconds("a|" * 160_000, 2) < 2.5 * 32 * seconds("a|" * 5_000, 5)
