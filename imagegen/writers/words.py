"""Words: composes prompts of phrases from lists, for nothing and without a network.

Each prompt is about one kind of subject: what such a subject does, where it can be, and in what light one is there. The
phrases lie in `lists/`, one a line, and a folder of people's own adds to them. A shape of sentences puts them together:

    {subject}   a phrase    {Subject}   at the beginning of a sentence    {a mood}, {A mood}   after "a" or "an"
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from imagegen.writers.base import MAX_COUNT, PromptWriter, Writing, check, check_lines

Card = TypeVar("Card")
Lists = Mapping[str, Sequence[str]]

OURS = Path(__file__).with_name("lists")
# The longest phrase, in characters: with seven of them, which no shape exceeds, a prompt has less than 400.
MAX_PHRASE = 50


def _kind(subject: str, doing: str, where: str, scene: str) -> Mapping[str, str]:
    """Return from which list each part of a prompt comes that is about such a subject."""
    return {"subject": subject, "doing": doing, "where": where, "light": f"{scene}-light", "detail": f"{scene}-details"}


KINDS = (
    _kind("people", "people-doing", "indoors", "indoors"),
    _kind("people", "people-doing", "outdoors", "outdoors"),
    _kind("people", "people-doing", "landscapes", "outdoors"),
    _kind("animals", "animals-doing", "outdoors", "outdoors"),
    _kind("animals", "animals-doing", "landscapes", "outdoors"),
    _kind("pets", "animals-doing", "indoors", "indoors"),
    _kind("sea-animals", "sea-animals-doing", "underwater", "underwater"),
    _kind("places", "places-doing", "landscapes", "outdoors"),
    _kind("things", "things-doing", "surfaces", "indoors"),
    _kind("things", "things-doing", "outdoors", "outdoors"),
)
# Parts that fit every subject. The last five are for lines that somebody began, of whose subject nothing is known.
ANY_KIND = {
    "mood": "moods",
    "view": "views",
    "style": "styles",
    "medium": "media",
    "photograph": "photographs",
    "anything": "anything-doing",
    "building": "places",
    "ground": "outdoors",
    "sky": "outdoors-light",
    "sight": "outdoors-details",
}
NAMES = frozenset(name for kind in (*KINDS, ANY_KIND) for name in kind.values())

PICTURES = ("{style} {medium}", "{style} {medium}", "{photograph}")
SHAPES = (
    "{Subject} {doing} {where}, {light}. {A picture}.",
    "{A picture} of {subject} {doing} {where}, {light}.",
    "{Subject} {doing} {where}, {view}, {light}.",
    "{Where}, {subject} {doing}, {light}. {A picture} in {a mood} mood.",
    "{Light}, {subject} {doing} {where}, with {detail}. {A picture}.",
    "{Subject} {doing}, {view}, {light}, with {detail}. {A picture}.",
    "{A picture} in {a mood} mood: {subject} {doing} {where}, {view}.",
    "{Subject} {where}, {light}, with {detail}. The mood is {mood}.",
    "{A picture} of {subject} {doing}, {light}, with {detail}. The mood is {mood}.",
)
THEMED = (
    "{A picture} of {theme}: {subject} {doing} {where}, {light}.",
    "{A picture} of {theme}, with {subject} {doing}, {light}.",
    "On the theme of {theme}: {subject} {doing} {where}, {view}. {A picture}.",
    "{Subject} {doing} {where}, {light}. {A picture} about {theme}.",
    "{A picture} of {theme}, in {a mood} mood, with {subject} {doing}.",
    "{Where}, {subject} {doing}, {light}. {A picture} inspired by {theme}.",
    "{A picture} about {theme}, with {subject} {doing} {where}, {view}.",
    "In a world that is all about {theme}, {subject} {doing}, {light}. {A picture} in {a mood} mood.",
    "{Subject} {doing}, {light}, with {detail}. Everything here is about {theme}. {A picture}.",
)

_PLACES = (
    "in|inside|on|at|under|below|beneath|behind|beyond|between|above|over|across|along|among|around|near|beside|through|"
    "outside"
)
_TIMES = "when|whenever|while|once|until|before|after|during|late|early|tonight|tomorrow|yesterday|long (?:after|before|ago)"


def _ends_with(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b({words})$", re.IGNORECASE)


# How a line goes on that somebody began: by the first of these patterns that is found in it.
CONTINUATIONS = (
    (re.compile(r"^$|[.!?][\"'”’»)\]]*$"), (" {Subject} {doing} {where}, {light}.", " {Light}, {subject} {doing} {where}.")),
    (re.compile(r"[:;–—-]$"), (" {subject} {doing} {where}, {light}.",)),
    (
        _ends_with("there (is|are|was|were)|and|or|but|with|without|of|for|by|like|than|as|about"),
        (" {subject} {doing}, {light}.",),
    ),
    (_ends_with(f"{_PLACES}|into|onto|toward|to|from"), (" {building} {anything}, {sky}.", " {building} {ground}, {sky}.")),
    (_ends_with("a"), (" most unusual {noun} {doing} {where}, {light}.",)),
    (_ends_with("an"), (" unexpected {noun} {doing} {where}, {light}.",)),
    (_ends_with("the|my|our|your|his|her|its|their|this|every|each|another|no"), (" {noun} {doing} {where}, {light}.",)),
    (_ends_with("who|that|which"), (" might be {anything}, {sky}.", " could be {anything}, {view}.")),
    (_ends_with("is|are|was|were|be|been"), (" {anything} {ground}, {sky}.", " {anything}, {view}, {sky}.")),
    (
        re.compile(
            rf"^({_PLACES}|{_TIMES}|somewhere|nowhere|everywhere|from|deep|high|far|halfway|where|if)\b", re.IGNORECASE
        ),
        (", {subject} {doing}.", ", {subject} {doing}, {view}.", ", {subject}, {anything}."),
    ),
    (re.compile(rf"\b({_PLACES}|crossing)\b", re.IGNORECASE), (", {anything}.", ", {anything}, {view}.")),
    (
        re.compile(""),
        (", {anything}, {sky}, with {sight}.", ", {anything} {ground}, {sky}.", ", {anything} {ground}, {view}, {sky}."),
    ),
)
CLOSINGS = (" {A picture}.", " {A picture} in {a mood} mood.", " The mood is {mood}. {A picture}.")
# A line that says itself what kind of picture it is about.
_PICTURE = re.compile(
    r"\b(painting|photo|photograph|picture|portrait|drawing|sketch|watercolor|illustration|etching|engraving|print|poster|"
    r"render|mosaic|collage|cartoon|comic|logo|icon)s?\b",
    re.IGNORECASE,
)

# Words that begin with a vowel's sound, with the exceptions to the rule that vowels are heard as they are written.
_AFTER_AN = re.compile(
    r"(?!uni(?![nm])|us[eu]|ut[eo]|uk|eu|ewe|one\b|once\b)[aeiou]|hour|honest|honor|heir|x-|8|1[18](?!\d)", re.IGNORECASE
)
# What ends a line: NUL and lone surrogates go with the whitespace, because no database keeps them.
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
# Words that can say what a phrase and a theme have in common.
_TELLING = re.compile(
    rf"\b(?!(?:{_PLACES}|{_TIMES}|all|and|are|but|for|from|has|have|her|his|into|its|like|more|most|not|off|one|our|out|that|"
    r"the|their|there|they|this|three|two|very|was|what|where|which|who|with|without|you|your)\b)\w{3,}"
)


class Words(PromptWriter):
    """Phrases from lists, put together by chance."""

    is_free = True
    most = MAX_COUNT

    def __init__(self, *, folder: str | Path = "") -> None:
        """Read the lists, and those of people's own from `folder`. Raises ValueError where that cannot be understood."""
        ours, theirs = _read(OURS), _read(Path(folder)) if folder else {}
        self._lists = {name: list(dict.fromkeys([*ours[name], *theirs.get(name, ())])) for name in sorted(NAMES)}

    def write(self, count: int, theme: str = "", seed: int | None = None) -> Writing:
        theme = _folded(theme)
        check(count, theme, self.most)
        theme = theme.rstrip(" .,;:!?…")
        draw = _Draw(self._lists, theme, seed)
        shapes = draw.shuffled(THEMED if theme else SHAPES)
        prompts: dict[str, None] = {}
        while len(prompts) < count:
            prompts[draw.filled(next(shapes))] = None
        return Writing(list(prompts))

    def carry_on(self, lines: Sequence[str], seed: int | None = None) -> Writing:
        check_lines(lines)
        return Writing([self._carried_on(line, None if seed is None else seed + step) for step, line in enumerate(lines)])

    def _carried_on(self, start: str, seed: int | None) -> str:
        """Return one prompt that begins with `start`, trimmed and with each run of whitespace as one space."""
        line = _folded(start)
        draw = _Draw(self._lists, line, seed)
        said = _without_pause(line)
        shapes = next(shapes for pattern, shapes in CONTINUATIONS if pattern.search(said))
        closings = (" The mood is {mood}.",) if _PICTURE.search(line) else CLOSINGS
        rest = draw.filled(next(draw.shuffled(shapes)) + next(draw.shuffled(closings)))
        return (line + (rest if said == line else rest.removeprefix(","))).lstrip()


class _Draw:
    """The luck of one call: a phrase comes again only after all of its list, and those that suit the theme more often."""

    def __init__(self, lists: Lists, theme: str, seed: int | None) -> None:
        self._dice = random.Random(seed)
        self._theme = theme
        wanted = _words(theme)
        suited = {name: [phrase for phrase in lists[name] if wanted & _words(phrase)] for name in lists}
        self._phrases = {name: self._dealt(lists[name], suited[name]) for name in lists}
        self._kinds = self._dealt(KINDS, [kind for kind in KINDS if suited[kind["subject"]] or suited[kind["where"]]])
        self._pictures = self.shuffled(PICTURES)

    def filled(self, shape: str) -> str:
        """Return a shape with phrases in its slots, all of them fit for one kind of subject."""
        return self._filled(shape, next(self._kinds))

    def shuffled(self, cards: Sequence[Card]) -> Iterator[Card]:
        """Yield cards without an end, in random order and each again only after all others."""
        while True:
            yield from self._dice.sample(cards, len(cards))

    def _dealt(self, cards: Sequence[Card], favorites: Sequence[Card]) -> Iterator[Card]:
        """Yield cards without an end; one favorite is every other card, two are two of three, and so on."""
        every, favorite = self.shuffled(cards), self.shuffled(favorites)
        while True:
            yield next(favorite if self._dice.randrange(len(favorites) + 1) else every)

    def _filled(self, shape: str, kind: Mapping[str, str]) -> str:
        return re.sub(r"\{(a )?(\w+)\}", lambda slot: self._part(slot, kind), shape, flags=re.IGNORECASE)

    def _part(self, slot: re.Match[str], kind: Mapping[str, str]) -> str:
        text = self._text(slot[2].lower(), kind)
        if slot[1]:
            text = f"{'an' if _AFTER_AN.match(text) else 'a'} {text}"
        return text[0].upper() + text[1:] if slot[0][1].isupper() else text

    def _text(self, part: str, kind: Mapping[str, str]) -> str:
        match part:
            case "theme":
                return self._theme
            case "picture":
                return self._filled(next(self._pictures), kind)
            case "noun":
                return self._noun(kind["subject"])
        return next(self._phrases[kind.get(part) or ANY_KIND[part]])

    def _noun(self, name: str) -> str:
        """Return a subject without its article; those that have none are passed over."""
        parted = (phrase.partition(" ") for phrase in self._phrases[name])
        return next(noun for article, _, noun in parted if article in ("a", "an"))


def _folded(text: str) -> str:
    return _BLANKS.sub(" ", text).strip()


def _without_pause(line: str) -> str:
    """Return a line without what asks for more at its end: commas, dots of an ellipsis."""
    said = line.rstrip(" ,…")
    return said.rstrip(" ,….") if said.endswith("...") else said


def _words(text: str) -> set[str]:
    """Return the words that a text is about, each as if it were one of its kind."""
    return {word.removesuffix("s") for word in _TELLING.findall(text.lower())}


def _read(folder: Path) -> Lists:
    """Return the phrases in a folder, by the names of its lists."""
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise ValueError(f"{folder} is no folder with word lists: {error}") from error
    return {path.stem: _phrases(path) for path in paths if not path.name.startswith(".")}


def _phrases(path: Path) -> list[str]:
    if path.stem not in NAMES or path.suffix != ".txt":
        raise ValueError(f"{path} is no word list; those are {', '.join(f'{name}.txt' for name in sorted(NAMES))}")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    phrases = [phrase for line in lines if (phrase := _folded(line.partition("#")[0]))]
    if longest := next((phrase for phrase in phrases if len(phrase) > MAX_PHRASE), ""):
        raise ValueError(f"{path} has a phrase with more than {MAX_PHRASE} characters: {longest}")
    return phrases
