"""Word lists and styles: whose is found by a name, who may keep which, and what is wrong with one."""

from typing import Any, Literal

import pytest
from django.contrib.auth.models import AnonymousUser, User

from imagegen import library
from imagegen.errors import BadSubmission, NotAllowed, Problem
from imagegen.library import MAX_LINES, MAX_LIST, MAX_NAME, MAX_SUFFIX, StyleWords
from imagegen.models import Style, WordList
from imagegen.template_signs import LIST_NAME

pytestmark = pytest.mark.django_db
NOBODY = AnonymousUser()
Kind = Literal["list", "style"]
both_kinds = pytest.mark.parametrize("kind", ["list", "style"])


@pytest.fixture
def staff() -> User:
    return User.objects.create_user("grace", is_staff=True)


def save(kind: Kind, viewer: User | AnonymousUser, words: str, *, name: str = "animals", shared: bool = False) -> None:
    if kind == "list":
        library.save_list(viewer, name=name, text=words, shared=shared)
    else:
        library.save_style(viewer, StyleWords(name, words), shared=shared)


def found(kind: Kind, viewer: User | AnonymousUser, name: str = "animals") -> str | None:
    """Return the words that somebody gets by a name."""
    if kind == "list":
        lines = library.lists_of(viewer)(name)
        return None if lines is None else "\n".join(lines)
    style = library.styles_of(viewer).get(name)
    return style.suffix if style else None


def mine(kind: Kind, viewer: User | AnonymousUser) -> set[str]:
    """Return the names of what somebody may change."""
    rows = library.mine(WordList, viewer) if kind == "list" else library.mine(Style, viewer)
    return {*rows.values_list("name", flat=True)}


def problems_of(viewer: User | AnonymousUser = NOBODY, *, name: str = "pets", text: str = "a dog") -> list[Problem]:
    with pytest.raises(BadSubmission) as caught:
        library.save_list(viewer, name=name, text=text)
    assert not WordList.objects.exists()
    return caught.value.problems


def style_problems_of(words: StyleWords) -> list[Problem]:
    with pytest.raises(BadSubmission) as caught:
        library.save_style(NOBODY, words)
    assert not Style.objects.exists()
    return caught.value.problems


# --- What is found by a name --------------------------------------------------------------------------------------


@both_kinds
def test_what_somebody_kept_is_found_by_its_name(kind: Kind, ada: User) -> None:
    save(kind, ada, "mine", name="big cats")
    assert found(kind, ada, "big cats") == "mine"


@both_kinds
def test_nothing_is_found_by_a_name_that_nothing_has(kind: Kind, ada: User) -> None:
    assert found(kind, ada, "no such name") is None


@both_kinds
def test_nobody_finds_what_is_somebody_elses(kind: Kind, ada: User, bob: User, staff: User) -> None:
    save(kind, ada, "mine", name="secret")
    assert [found(kind, viewer, "secret") for viewer in (bob, staff, NOBODY)] == [None, None, None]


@both_kinds
def test_people_without_an_account_have_theirs_together_and_nobody_else_has(kind: Kind, ada: User) -> None:
    save(kind, NOBODY, "ours", name="open")
    assert [found(kind, viewer, "open") for viewer in (AnonymousUser(), ada)] == ["ours", None]


@both_kinds
def test_everybody_finds_what_staff_shares(kind: Kind, ada: User, staff: User) -> None:
    save(kind, staff, "everybody's", name="house", shared=True)
    assert {found(kind, viewer, "house") for viewer in (ada, staff, NOBODY)} == {"everybody's"}


@pytest.mark.parametrize("own_first", [True, False])
@both_kinds
def test_ones_own_comes_before_the_shared_and_that_before_the_products(
    kind: Kind, ada: User, bob: User, staff: User, own_first: bool
) -> None:
    name = "animals" if kind == "list" else "anime"
    product = found(kind, ada, name)
    for is_shared in (False, True) if own_first else (True, False):
        save(kind, staff if is_shared else ada, "shared" if is_shared else "mine", name=name, shared=is_shared)
    assert product not in (None, "mine", "shared")
    assert [found(kind, viewer, name) for viewer in (ada, bob, staff, NOBODY)] == ["mine", "shared", "shared", "shared"]


@both_kinds
def test_staff_may_have_their_own_beside_the_shared_one(kind: Kind, ada: User, staff: User) -> None:
    save(kind, staff, "shared", shared=True)
    save(kind, staff, "grace's")
    assert [found(kind, viewer) for viewer in (staff, ada)] == ["grace's", "shared"]


@both_kinds
def test_keeping_one_of_the_same_name_replaces_it(kind: Kind, ada: User) -> None:
    save(kind, ada, "old", name="Cats")
    save(kind, ada, "new", name="cATS")
    assert found(kind, ada, "cats") == "new"
    assert len(mine(kind, ada)) == 1


def test_a_list_is_found_by_its_name_in_any_case(ada: User) -> None:
    save("list", ada, "mine", name="Big Cats")
    assert [found("list", ada, name) for name in ("big cats", "BIG CATS", "ANIMALS-DOING")][:2] == ["mine", "mine"]
    assert found("list", ada, "ANIMALS") == found("list", ada, "animals") is not None


def test_a_style_replaces_all_that_it_was_before(ada: User) -> None:
    library.save_style(ada, StyleWords("noir", "black", "color", "film"))
    library.save_style(ada, StyleWords("noir", "", "joy"))
    assert library.styles_of(ada)["noir"] == StyleWords("noir", "", "joy", "")


def test_a_list_keeps_its_text_and_gives_lines_without_empty_ones_and_comments(ada: User) -> None:
    text = "# cats\r\na lion\n\n  a tiger  \n  # not this\n2::a {black|white} cat # this\n"
    assert library.save_list(ada, name="cats", text=text).text == text
    assert found("list", ada, "cats") == "a lion\na tiger\n2::a {black|white} cat # this"


def test_every_list_of_the_product_can_be_named_and_has_lines() -> None:
    assert all(LIST_NAME.fullmatch(name) and lines for name, lines in library.our_lists().items())
    assert {"animals", "styles", "moods"} <= {*library.our_lists()}


def test_every_style_of_the_product_has_words_and_stands_for_a_preset_of_its_name() -> None:
    assert all(words.suffix and words.preset == words.name == name for name, words in library.our_styles().items())


# --- Who may ------------------------------------------------------------------------------------------------------


def test_only_staff_may_share(ada: User, staff: User) -> None:
    assert [library.may_share(viewer) for viewer in (staff, ada, NOBODY)] == [True, False, False]


@both_kinds
def test_what_others_want_to_share_is_refused_and_not_kept(kind: Kind, ada: User) -> None:
    for viewer in (ada, NOBODY):
        with pytest.raises(NotAllowed, match="Only staff"):
            save(kind, viewer, "mine", shared=True)
    assert not WordList.objects.exists()
    assert not Style.objects.exists()


@both_kinds
def test_everybody_changes_their_own_and_staff_the_shared_ones_too(kind: Kind, ada: User, staff: User) -> None:
    save(kind, ada, "ada's", name="one")
    save(kind, staff, "grace's", name="two")
    save(kind, staff, "everybody's", name="three", shared=True)
    rows = [mine(kind, viewer) for viewer in (ada, staff, NOBODY)]
    assert rows == [{"one"}, {"two", "three"}, set()]


def test_people_see_their_own_and_the_shared_ones_in_the_order_of_their_names(ada: User, bob: User, staff: User) -> None:
    for viewer, name in ((bob, "bobs"), (ada, "zebras"), (ada, "ants")):
        save("list", viewer, "x", name=name)
    save("list", staff, "x", name="house", shared=True)
    assert [row.name for row in library.visible(WordList, ada)] == ["ants", "house", "zebras"]


@pytest.mark.parametrize("access", ["read", "closed"])
@both_kinds
def test_people_without_an_account_keep_nothing_where_they_may_not(kind: Kind, settings: Any, access: str) -> None:
    save(kind, NOBODY, "ours", name="open")
    settings.ANONYMOUS_ACCESS = access
    with pytest.raises(NotAllowed, match="Sign in"):
        save(kind, NOBODY, "more")
    assert mine(kind, NOBODY) == set()


@both_kinds
def test_people_without_an_account_find_the_shared_where_they_may_read(kind: Kind, settings: Any, staff: User) -> None:
    save(kind, staff, "shared", name="house", shared=True)
    settings.ANONYMOUS_ACCESS = "read"
    assert found(kind, NOBODY, "house") == "shared"


@pytest.mark.parametrize("access", ["read", "closed"])
@both_kinds
def test_people_with_an_account_keep_theirs_everywhere(kind: Kind, settings: Any, access: str, ada: User) -> None:
    settings.ANONYMOUS_ACCESS = access
    save(kind, ada, "mine")
    assert found(kind, ada) == "mine"


# --- What is wrong with one ---------------------------------------------------------------------------------------

BAD_NAMES = [
    "",
    "-cats",
    "_cats",
    "a__b",
    "a.b",
    "élan",
    "a\tb",
    "a|b",
    "{a}",
    "a:b",
    "a\x00",
    "a" * 61,
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_no_template_could_say_is_refused(name: str) -> None:
    [problem] = problems_of(name=name)
    assert problem.field == "name"
    assert f"{name[:MAX_NAME]!r} is no name" in problem.message
    assert [each.field for each in style_problems_of(StyleWords(name, "words"))] == ["name"]


@pytest.mark.parametrize("name", ["a", "9", "Big Cats", "a/b-c 1", "a_b", "a" * 60])
def test_a_name_may_have_letters_digits_and_a_few_signs(name: str) -> None:
    assert library.save_list(NOBODY, name=name, text="x").name == name.lower()
    assert library.save_style(NOBODY, StyleWords(name, "x")).name == name.lower()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has 0 lines"),
        (" \n\n\t", "has 0 lines"),
        ("# only\n  # comments", "has 0 lines"),
        ("a\n" * (MAX_LINES + 1), "has 10001 lines; 1 to 10000"),
        ("a" * (MAX_LIST + 1), "has 500001 characters; at most 500000"),
        ("a\x00b", "NUL"),
        ("a\ud83d", "surrogate"),
    ],
)
def test_a_list_that_cannot_be_kept_is_refused_with_the_reason(text: str, said: str) -> None:
    [problem] = problems_of(text=text)
    assert problem.field == "text"
    assert said in problem.message


@pytest.mark.parametrize("text", ["a\n" * MAX_LINES + "#\n\n" * 99, "é" * MAX_LIST])
def test_a_list_may_have_as_much_as_is_said(text: str) -> None:
    assert library.save_list(NOBODY, name="long", text=text).text == text


@pytest.mark.parametrize(
    ("words", "field", "said"),
    [
        (StyleWords("s"), "suffix", "needs words"),
        (StyleWords("s", preset="anime"), "suffix", "needs words"),
        (StyleWords("s", " \n"), "suffix", "needs words"),
        (StyleWords("s", "x" * (MAX_SUFFIX + 1)), "suffix", "2001 characters; at most 2000"),
        (StyleWords("s", "x", "y" * (MAX_SUFFIX + 1)), "negative_prompt", "2001 characters; at most 2000"),
        (StyleWords("s", "x", preset="y" * 61), "preset", "61 characters; at most 60"),
        (StyleWords("s", "x\x00"), "suffix", "NUL"),
        (StyleWords("s", "x", "y\x00"), "negative_prompt", "NUL"),
        (StyleWords("s", "x", preset="\ud83d"), "preset", "surrogate"),
    ],
)
def test_a_style_that_cannot_be_kept_is_refused_with_the_reason(words: StyleWords, field: str, said: str) -> None:
    [problem] = style_problems_of(words)
    assert problem.field == field
    assert said in problem.message


@pytest.mark.parametrize(
    "words", [StyleWords("s", "x" * MAX_SUFFIX, "y" * MAX_SUFFIX, "z" * 60), StyleWords("s", "", "fog")]
)
def test_a_style_may_have_as_much_as_is_said_or_only_what_to_leave_out(words: StyleWords) -> None:
    library.save_style(NOBODY, words)
    assert library.styles_of(NOBODY)["s"] == words


def test_everything_wrong_with_a_style_is_said_at_once() -> None:
    found = style_problems_of(StyleWords("_", "x" * 2001, "y\x00", "z" * 61))
    assert [each.field for each in found] == ["name", "suffix", "negative_prompt", "preset"]


def test_who_may_not_share_is_told_that_first(ada: User) -> None:
    with pytest.raises(NotAllowed):
        library.save_list(ada, name="", text="", shared=True)
