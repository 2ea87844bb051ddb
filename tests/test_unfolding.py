"""Templates among the prompts of a submission: what jobs they become, how that is told, and what is refused."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import pytest
from django.contrib.auth.models import AnonymousUser, User

from imagegen import library, submission, unfolding
from imagegen.accounts import Viewer
from imagegen.errors import BadSubmission, Conflict, NotAllowed, Problem
from imagegen.items import Item
from imagegen.library import StyleWords
from imagegen.models import Batch, Job, WordList
from imagegen.providers.base import MAX_SEED
from imagegen.recipes import Recipe
from imagegen.submission import Submission
from imagegen.unfolding import Mode, Templates
from tests.standins.stability import StabilityStandIn

pytestmark = pytest.mark.django_db
NOBODY = AnonymousUser()
BY_CHANCE, ALL = Templates(), Templates(Mode.ALL)
# A template with enough to choose that nothing is the same by accident.
RICH = "{2$$red|blue|green|black|white} __animals__ {3::in|under|1::over} {a|b|c|d|e|f}"


def submit(items: Sequence[Item], how: Templates = BY_CHANCE, *, viewer: Viewer = NOBODY, key: str = "") -> Submission:
    return submission.submit(items, viewer=viewer, source="test", key=key, templates=how)


def jobs(items: Sequence[Item], how: Templates = BY_CHANCE, *, viewer: Viewer = NOBODY) -> list[Job]:
    """Return the jobs as they were written down, in order."""
    return list(Job.objects.filter(batch=submit(items, how, viewer=viewer).batch).order_by("position"))


def prompts(items: Sequence[Item], how: Templates = BY_CHANCE, *, viewer: Viewer = NOBODY) -> list[str]:
    return [job.prompt for job in jobs(items, how, viewer=viewer)]


def recipe(job: Job) -> Recipe:
    return cast(Recipe, job.recipe)


def problems_of(items: Sequence[Item], how: Templates = BY_CHANCE, *, viewer: Viewer = NOBODY) -> list[Problem]:
    with pytest.raises(BadSubmission) as caught:
        submit(items, how, viewer=viewer)
    assert not Batch.objects.exists()
    return caught.value.problems


@pytest.fixture
def plain(settings: Any) -> None:
    """A provider that understands a prompt of 20 characters and nothing else, by default."""
    settings.IMAGE_PROVIDERS = {**settings.IMAGE_PROVIDERS, "plain": {"BACKEND": "tests.test_submission.Plain"}}
    settings.DEFAULT_PROVIDER = "plain"


# --- What templates become ----------------------------------------------------------------------------------------


def test_all_prompts_of_each_template_are_made_in_order() -> None:
    items = [Item("a {red|blue} {kite|boat}"), Item("plain"), Item("{x|y}")]
    made = jobs(items, ALL)
    assert [job.prompt for job in made] == ["a red kite", "a red boat", "a blue kite", "a blue boat", "plain", "x", "y"]
    assert [job.position for job in made] == list(range(7))


def test_by_chance_as_many_as_asked_for_are_drawn_of_each_template_and_plain_ones_come_once() -> None:
    made = prompts([Item("{red|blue} kite"), Item("plain"), Item("{a|b}")], Templates(count=3))
    assert [prompt.split()[-1] for prompt in made[:4]] == ["kite", "kite", "kite", "plain"]
    assert {*made[4:]} <= {"a", "b"}
    assert len(made) == 7


def test_switched_off_a_template_is_text() -> None:
    text = r"{a|b} __nope__ \{ {{nope}} 50% off {"
    [job] = jobs([Item(text)], Templates(Mode.OFF))
    assert (job.prompt, job.recipe) == (text, {})


def test_nobody_who_says_nothing_of_templates_has_them() -> None:
    [job] = submission.draft([Item("{a|b} __nope__")], viewer=NOBODY)
    assert job.prompt == "{a|b} __nope__"


@pytest.mark.parametrize("mode", [*Mode])
@pytest.mark.parametrize(
    "text", ["50% off {", "{word}", "a | b", "}{", "{" * 60 + "a" + "}" * 60, "_ a _ b", r"C:\new", "é🐕"]
)
def test_a_prompt_without_signs_comes_back_unchanged_and_has_no_recipe(text: str, mode: Mode) -> None:
    [job] = jobs([Item(text)], Templates(mode, count=3))
    assert (job.prompt, job.recipe) == (text, {})


def test_a_sign_after_a_backslash_stays_without_it() -> None:
    assert prompts([Item(r"\{a|b\} \__init\__"), Item(r"{a\|b|a\|b} \{")]) == ["{a|b} __init__", "a|b {"]


def test_options_go_with_every_prompt_and_n_counts_for_each() -> None:
    made = jobs([Item("{a|b}", name="Kite", n=2, seed=7, aspect_ratio="16:9")], ALL)
    assert [(job.prompt, job.seed, job.name, job.aspect_ratio) for job in made] == [
        (prompt, seed, "Kite", "16:9") for prompt in "ab" for seed in (7, 8)
    ]


def test_a_draft_is_what_would_be_made_and_nothing_is_written() -> None:
    drafted = submission.draft([Item(RICH)], viewer=NOBODY, templates=Templates(count=5, seed=3))
    assert not Job.objects.exists()
    made = jobs([Item(RICH)], Templates(count=5, seed=3))
    assert [(job.prompt, job.recipe) for job in drafted] == [(job.prompt, job.recipe) for job in made]


# --- Columns ------------------------------------------------------------------------------------------------------


def test_columns_are_filled_in_row_by_row() -> None:
    rows = [
        Item("{{who}} in {{Old town}}", columns={"who": who, "Old town": place})
        for who, place in (("Ada", "a"), ("Bob", ""))
    ]
    made = jobs(rows, ALL)
    assert [job.prompt for job in made] == ["Ada in a", "Bob in"]
    assert recipe(made[0])["choices"] == [{"sign": "{{who}}", "text": "Ada"}, {"sign": "{{Old town}}", "text": "a"}]


def test_what_stands_in_a_cell_is_no_template() -> None:
    assert prompts([Item("{{who}}!", columns={"who": r"{a|b} __nope__ \{ {{who}}"})]) == [r"{a|b} __nope__ \{ {{who}}!"]


@pytest.mark.parametrize("how", [Templates(), ALL, Templates(Mode.OFF)])
def test_a_column_that_no_template_names_is_refused(how: Templates) -> None:
    [problem] = problems_of([Item("a"), Item("plain", columns={"sise": "big"})], how)
    assert (problem.field, problem.position) == ("sise", 1)
    assert "{{sise}}" in problem.message


def test_a_column_may_be_named_within_a_group() -> None:
    assert prompts([Item("{a|{{who}}}", columns={"who": "Ada"})], ALL) == ["a", "Ada"]


def test_a_cell_that_no_database_keeps_is_refused() -> None:
    [problem] = problems_of([Item("{{who}}", columns={"who": "a\x00"})])
    assert (problem.field, problem.position) == ("prompt", 0)


# --- Recipes ------------------------------------------------------------------------------------------------------


def test_each_job_keeps_template_seed_and_choices() -> None:
    made = jobs([Item(" {a|b}{c|c} "), Item("{d|d}")], Templates(count=2, seed=5))
    assert [recipe(job)["seed"] for job in made] == [5, 6, 7, 8]
    assert {recipe(job)["template"] for job in made[:2]} == {"{a|b}{c|c}"}
    first = made[0].prompt[0]
    assert recipe(made[0])["choices"] == [{"sign": "{a|b}", "text": first}, {"sign": "{c|c}", "text": "c"}]


def test_where_all_were_asked_for_there_is_no_seed() -> None:
    made = jobs([Item("{a|b}")], ALL)
    assert [job.recipe for job in made] == [
        {"template": "{a|b}", "seed": None, "choices": [{"sign": "{a|b}", "text": text}]} for text in "ab"
    ]


def test_template_and_seed_of_a_job_make_its_prompt_again() -> None:
    for job in jobs([Item(RICH), Item("other " + RICH)], Templates(count=10)):
        told = recipe(job)
        assert prompts([Item(told["template"])], Templates(seed=told["seed"])) == [job.prompt]


def test_the_same_seed_makes_the_same_prompts() -> None:
    items, how = [Item(RICH), Item("x"), Item("other " + RICH)], Templates(count=5, seed=MAX_SEED)
    assert prompts(items, how) == prompts(items, how)


@pytest.mark.parametrize("seed", [None, 0])
def test_a_seed_is_drawn_where_none_is_given_and_kept(seed: int | None) -> None:
    one, other = (jobs([Item(RICH)], Templates(count=10, seed=seed)) for _ in range(2))
    seeds = [recipe(job)["seed"] or 0 for job in one]
    assert seeds == list(range(seeds[0], seeds[0] + 10))
    assert 1 <= seeds[0] <= seeds[-1] <= MAX_SEED
    assert [job.prompt for job in one] != [job.prompt for job in other]


# --- What is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("__nope__", "no list 'nope'"),
        ("{{nope}}", "no column 'nope'"),
        ("{a|" + "x" * 10_001 + "}", "at most 10000"),
        ("{|a}" * 2001, "at most 10000 and 2000"),
    ],
)
@pytest.mark.parametrize("how", [Templates(count=2), ALL])
def test_what_is_wrong_with_a_template_is_said_with_its_own_position(text: str, said: str, how: Templates) -> None:
    [problem] = problems_of([Item("{a|b|c}"), Item("d"), Item(text), Item("{e|f}")], how)
    assert (problem.field, problem.position) == ("prompt", 2)
    assert said in problem.message


@pytest.mark.usefixtures("plain")
def test_what_a_provider_refuses_is_said_once_with_the_position_of_the_template() -> None:
    [problem] = problems_of([Item("{a|b|c}"), Item("{d|e|f}" + "x" * 20)], ALL)
    assert (problem.field, problem.position) == ("prompt", 1)
    assert "21 characters" in problem.message


def test_what_is_wrong_besides_is_said_with_the_position_of_the_template() -> None:
    found = problems_of([Item("{a|b|c}"), Item("{d|e}", style="nonsense"), Item(5), Item("x\x00")], ALL)
    assert [(each.field, each.position) for each in found] == [("style", 1), ("prompt", 2), ("prompt", 3)]


def test_a_template_that_can_become_nothing_is_refused_there() -> None:
    [problem] = problems_of([Item("a"), Item("{|b}")], ALL)
    assert (problem.field, problem.message, problem.position) == ("prompt", "is empty", 1)


def test_everything_wrong_is_said_at_once_but_not_a_thousand_times() -> None:
    assert len(problems_of([Item("__nope__ {{nope}}")] * 3)) == 3
    assert len(problems_of([Item("__nope__")] * 1000)) == 20


@pytest.mark.parametrize("mode", [*Mode])
@pytest.mark.parametrize("count", [0, -1, 1001])
def test_how_many_are_asked_for_has_bounds(count: int, mode: Mode) -> None:
    [problem] = problems_of([Item("{a|b}")], Templates(mode, count))
    assert (problem.field, problem.position) == ("template_count", None)
    assert "1 to 1000" in problem.message


TEN = "{0|1|2|3|4|5|6|7|8|9}"


def test_a_submission_may_become_a_thousand_prompts() -> None:
    assert prompts([Item(TEN * 3)], ALL) == [f"{number:03}" for number in range(1000)]
    assert len(prompts([Item(TEN)], Templates(count=1000))) == 1000


@pytest.mark.parametrize(
    ("items", "how", "position"),
    [
        ([Item("x"), Item(TEN * 3)], ALL, 1),
        ([Item(TEN * 3), Item("x")], ALL, 1),
        ([Item("x"), Item(TEN * 4)], ALL, 1),
        ([Item("{a|b}"), Item("x"), Item("{a|b}")], Templates(count=500), 2),
        ([Item("{a|b}", n=400), Item("{a|b}", n=400)], ALL, 1),
    ],
)
def test_what_becomes_more_than_a_thousand_is_refused(items: list[Item], how: Templates, position: int) -> None:
    [problem] = problems_of(items, how)
    assert problem.position == position
    assert "more than 1000" in problem.message


def test_the_most_is_a_setting(settings: Any) -> None:
    settings.MAX_PROMPTS = 3
    assert "more than 3" in problems_of([Item("{a|b|c|d}")], ALL)[0].message
    assert len(prompts([Item("{a|b|c}")], ALL)) == 3


def seconds(act: Callable[[], object]) -> float:
    """Return the processor time that this takes."""
    begun = time.process_time()
    act()
    return time.process_time() - begun


def test_too_many_are_refused_without_writing_a_thousand_of_them_first() -> None:
    items = [Item("{a|b}" * 50)]
    once = min(seconds(lambda: submission.draft(items, viewer=NOBODY, templates=BY_CHANCE)) for _ in range(5))
    assert seconds(lambda: problems_of(items, ALL)) < 50 * once


# --- Lists of people ----------------------------------------------------------------------------------------------


def test_people_use_their_own_lists_and_not_those_of_others() -> None:
    ada, bob = (User.objects.create_user(name) for name in ("ada", "bob"))
    library.save_list(ada, name="Kites", text="# mine\nred\n{light|dark} __KITES2__")
    library.save_list(ada, name="kites2", text="blue")
    assert prompts([Item("a __kites__ kite")], ALL, viewer=ada) == ["a red kite", "a light blue kite", "a dark blue kite"]
    Batch.objects.all().delete()
    assert "no list 'kites'" in problems_of([Item("a __kites__ kite")], viewer=bob)[0].message


def test_a_list_that_names_itself_in_another_case_is_refused() -> None:
    library.save_list(NOBODY, name="round", text="a __ROUND__")
    assert "names itself" in problems_of([Item("x"), Item("__Round__")])[0].message


def test_a_list_that_names_itself_in_a_group_is_refused() -> None:
    library.save_list(NOBODY, name="round", text="{2$$__round__}")
    assert "names itself" in problems_of([Item("x"), Item("{2$$__round__}")])[0].message


@pytest.mark.parametrize("access", ["read", "closed"])
def test_people_who_may_make_nothing_draft_nothing(settings: Any, access: str) -> None:
    settings.ANONYMOUS_ACCESS = access
    with pytest.raises(NotAllowed):
        submission.draft([Item("__nope__")], viewer=NOBODY, templates=Templates())


# --- The same again -----------------------------------------------------------------------------------------------


def test_the_same_key_and_body_is_the_same_batch_though_a_seed_was_drawn() -> None:
    again = partial(submit, [Item(RICH)], Templates(count=5), key="k")
    first, second = again(), again()
    assert (second.batch, second.jobs, second.replayed) == (first.batch, first.jobs, True)
    assert Job.objects.count() == 5


def test_the_same_key_answers_as_before_though_a_list_has_changed_or_gone() -> None:
    library.save_list(NOBODY, name="kites", text="red")
    first = submit([Item("__kites__")], key="k")
    library.mine(WordList, NOBODY).delete()
    assert submit([Item("__kites__")], key="k").jobs == first.jobs


@pytest.mark.parametrize("other", [Templates(), Templates(count=3), Templates(count=2, seed=1), ALL, Templates(Mode.OFF)])
def test_the_same_key_with_templates_used_otherwise_is_a_conflict(other: Templates) -> None:
    submit([Item("{a|b}")], Templates(count=2), key="k")
    with pytest.raises(Conflict):
        submit([Item("{a|b}")], other, key="k")


def test_the_same_key_with_another_cell_is_a_conflict() -> None:
    submit([Item("{{who}}", columns={"who": "Ada"})], key="k")
    with pytest.raises(Conflict):
        submit([Item("{{who}}", columns={"who": "Bob"})], key="k")


# --- Styles -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "after"),
    [("a dog", "a dog, in fog"), ("A dog.", "A dog. in fog"), ("a dog,", "a dog, in fog"), ("why?", "why? in fog")],
)
def test_the_words_of_a_style_follow_the_prompt(prompt: str, after: str) -> None:
    library.save_style(NOBODY, StyleWords("moody", "in fog"))
    [job] = jobs([Item(prompt, style="moody")], Templates(Mode.OFF))
    assert (job.prompt, job.style, job.negative_prompt) == (after, "", "")
    assert job.recipe == {"style": {"name": "moody", "suffix": "in fog", "negative_prompt": "", "preset": ""}}


@pytest.mark.parametrize(("asked", "told"), [("", "sun"), ("rain", "rain, sun")])
def test_what_a_style_leaves_out_joins_what_the_prompt_does(asked: str, told: str) -> None:
    library.save_style(NOBODY, StyleWords("moody", negative_prompt="sun"))
    [job] = jobs([Item("a dog", style="moody", negative_prompt=asked)])
    assert (job.prompt, job.negative_prompt) == ("a dog", told)


def test_a_style_goes_with_every_prompt_of_a_template_and_is_no_template() -> None:
    library.save_style(NOBODY, StyleWords("moody", "in {fog|rain} __nope__"))
    made = jobs([Item("{a|b}", style="moody")], ALL)
    assert [job.prompt for job in made] == ["a, in {fog|rain} __nope__", "b, in {fog|rain} __nope__"]
    assert all({"template", "seed", "choices", "style"} == {*recipe(job)} for job in made)


def test_a_provider_that_has_the_style_draws_its_own(stability_provider: StabilityStandIn) -> None:
    library.save_style(NOBODY, StyleWords("mine", "by hand", "noise", preset="anime"))
    made = jobs([Item("a dog", style="anime"), Item("a cat", style="mine")])
    assert [(job.prompt, job.style, job.negative_prompt) for job in made] == [("a dog", "anime", ""), ("a cat", "anime", "")]
    told = {"suffix": "", "negative_prompt": "", "preset": "anime"}
    assert [job.recipe for job in made] == [{"style": {"name": name, **told}} for name in ("anime", "mine")]


def test_a_style_of_the_product_is_words_where_the_provider_has_none_of_the_name() -> None:
    [job] = jobs([Item("a dog", style="anime")])
    words = library.our_styles()["anime"].suffix
    assert (job.prompt, job.style, recipe(job)["style"]["suffix"]) == (f"a dog, {words}", "", words)


def test_a_style_of_the_provider_that_nobody_saved_stays_as_it_was() -> None:
    [job] = jobs([Item("a dog", style="forest")])
    assert (job.prompt, job.style, job.recipe) == ("a dog", "forest", {})


def test_ones_own_style_comes_before_that_of_the_provider() -> None:
    library.save_style(NOBODY, StyleWords("forest", "among trees"))
    [job] = jobs([Item("a dog", style="forest")])
    assert (job.prompt, job.style) == ("a dog, among trees", "")


def test_ones_own_style_comes_before_the_shared_and_that_before_the_products() -> None:
    ada, staff = User.objects.create_user("ada"), User.objects.create_user("grace", is_staff=True)
    library.save_style(ada, StyleWords("anime", "ada's"))
    library.save_style(staff, StyleWords("anime", "shared"), shared=True)
    made = [prompts([Item("a", style="anime")], viewer=viewer) for viewer in (ada, staff, NOBODY)]
    assert made == [["a, ada's"], ["a, shared"], ["a, shared"]]


@pytest.mark.parametrize("name", ["Moody", "MOODY", " moody "])
def test_a_style_is_named_in_any_case(name: str) -> None:
    library.save_style(NOBODY, StyleWords("Moody", "in fog"))
    assert prompts([Item("a dog", style=name)]) == ["a dog, in fog"]


@pytest.mark.usefixtures("plain")
def test_a_style_that_leaves_something_out_is_refused_where_the_provider_cannot_be_told() -> None:
    library.save_style(NOBODY, StyleWords("moody", "fog", "sun"))
    found = problems_of([Item("x"), Item("{a|b}", style="moody")], ALL)
    assert ("style", 1) in {(each.field, each.position) for each in found}
    assert any("'moody' says what not to draw" in each.message for each in found)


@pytest.mark.usefixtures("plain")
def test_who_asked_for_a_style_alone_is_told_of_the_style_alone() -> None:
    library.save_style(NOBODY, StyleWords("moody", "fog", "sun"))
    assert {each.field for each in problems_of([Item("a", style="moody")])} == {"style"}


@pytest.mark.usefixtures("plain")
def test_a_style_that_makes_the_prompt_too_long_is_refused_with_the_position_of_the_template() -> None:
    library.save_style(NOBODY, StyleWords("wordy", "x" * 20))
    [problem] = problems_of([Item("{a|b}"), Item("{c|d}", style="wordy")], ALL)
    assert (problem.field, problem.position) == ("prompt", 1)
    assert "at most 20" in problem.message


# --- Without a database -------------------------------------------------------------------------------------------


def test_columns_that_a_prompt_names_are_found_within_groups_too() -> None:
    assert unfolding.columns_of("{{a}} {b|{c|{{d e}}}} {{f") == {"a", "d e"}
