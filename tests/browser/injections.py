"""Texts of strangers who want to be more than text: each tries in its own way to become markup, script, a header or a file.

Where one comes through, it leaves an element or an attribute with MARK in its name, opens a dialog, or asks another host.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import requests
from playwright.sync_api import Page

from tests.browser import THOROUGH
from tests.product import Product

MARK = "zapped"

TAGS = (
    "<zapped>An element that nobody knows</zapped>",
    "<script>alert(1)</script>",
    "</title><script zapped>alert(2)</script>",
    "</script><script zapped>alert(3)</script>",
    "<ScRiPt zapped >alert(4)</sCrIpT >",
    "<img src=x zapped onerror=alert(5)>",
    "<img/zapped/src=x/onerror=alert(6)//",
    "<svg zapped onload=alert(7)>",
    "<svg><animate zapped onbegin=alert(8) attributeName=x dur=1s>",
    "<svg><a zapped xlink:href=javascript:alert(9)><text y=9>press me</text></a>",
    '<math><mtext><form><mglyph><style><path id="</style><img zapped src onerror=alert(10)>">',
    '<iframe zapped srcdoc="<script>parent.alert(11)</script>"></iframe>',
    '<object zapped data="javascript:alert(12)"></object><embed zapped src=//elsewhere.invalid/x>',
    '<base zapped href="//elsewhere.invalid/">',
    '<meta zapped http-equiv=refresh content="0;url=//elsewhere.invalid/">',
    "<link zapped rel=stylesheet href=//elsewhere.invalid/x.css>",
    "</form><form zapped action=//elsewhere.invalid/><button>Send</button></form>",
    "<details zapped open ontoggle=alert(13)>",
    "<input zapped autofocus onfocus=alert(14)>",
    "<template zapped><img src=x onerror=alert(15)></template>",
    '<noscript><p title="</noscript><img zapped src=x onerror=alert(16)>">',
    "</textarea><b zapped onclick=alert(17)>out of the field</b>",
    "</option></select><b zapped>out of the list</b>",
    "--><b zapped>out of a remark</b><!--",
    "<![CDATA[<b zapped>data</b>]]><?php echo 'zapped' ?>",
    "</p></figcaption></li></ol><plaintext zapped>",
)
ATTRIBUTES = (
    '" zapped="1" onmouseover="alert(18)',
    "' zapped='1' autofocus onfocus='alert(19)",
    "` zapped=1 onclick=alert(20) `",
    "x onerror=alert(21) zapped=1",
    '"/><b zapped>closed</b><i title="',
    "&quot; zapped=&quot;1&quot; onclick=&quot;alert(22)",
)
DISGUISES = (
    "&lt;b zapped&gt;read twice&lt;/b&gt;",
    "&#x3C;b zapped&#x3E;numbers&#60;/b&#62;",
    r"\u003cb zapped\u003ejson\u003c/b\u003e \x3cb zapped\x3e",
    "%3Cb%20zapped%3Epercent%3C/b%3E %253Cb zapped%253E",
    "+ADw-script zapped+AD4-alert(23)+ADw-/script+AD4-",
    "\uff1cb zapped\uff1ewide\uff1c/b\uff1e \u2039b zapped\u203a",
    "\u226eb zapped>a sign that comes apart: <\u0338b zapped>",
    "\u202e>deppaz b<\u202c \u2066<b zapped>turned\u2069",
    "kite\u2028alert(24)//\u2029\x85\x0b\x0cend",
    "<\u200bb zapped\ufeff>no width\u00a0<\u00adb zapped>",
)
LANGUAGES = (
    "{{ 7|add:7 }} {{ request.user.password }} {% debug %}",
    '{% include "base.html" %}{# gone #}{% load zapped %}',
    "{{ ''.__class__.__mro__[1].__subclasses__() }} ${7*7} #{7*7} <%= 7*7 %>",
    "{{constructor.constructor('alert(25)')()}} {{$on.constructor('alert(26)')()}}",
    "a {red|<b zapped>blue</b>} {2$$x|y} __outdoors__ kite",
    r"__../../etc/passwd__ \{not\|this\} {{column}} {",
    '";alert(27);// \\";alert(28);//',
    "');alert(29);('",
    "<!--<script zapped>",
    "${alert(30)}`;alert(31)//",
    '{"prompt": "x", "__proto__": {"zapped": 1}}',
    "</style><b zapped>styled</b><style>*{display:none}</style>",
    "x;} body{background:url(//elsewhere.invalid/zapped.png)} {",
    '[x](javascript:alert(32)) ![zapped](//elsewhere.invalid/x.png "y")',
    '<!DOCTYPE x [<!ENTITY zapped SYSTEM "file:///etc/passwd">]><x>&zapped;</x>',
    "]]></dc:description><zapped/>",
)
ADDRESSES = (
    "javascript:alert(33)//zapped",
    " java\tscript:alert(34)".strip(),
    "data:text/html,<script zapped>alert(35)</script>",
    "//elsewhere.invalid/zapped",
    "https://elsewhere.invalid\\@zapped?x=1&task_ids=#top",
    "../../../../etc/passwd",
    "..\\..\\windows\\system32\\zapped.dll",
    "CON.png:zapped /dev/null aux.",
)
PROTOCOLS = (
    'kite\n\nevent: card\ndata: <li class="card" zapped></li>\n\nevent: done\ndata:\n\nend',
    "kite\r\n\r\ndata: <b zapped>\r\rid: zapped\r\rend",
    "kite\r\nSet-Cookie: zapped=1\r\nLocation: //elsewhere.invalid/\r\n\r\n<b zapped>",
    'kite"; filename="zapped.exe"; x="',
    'kite"} 1\nchaotix_zapped{provider="x"} 1',
    "kite\nNegative prompt: <b zapped>\nSteps: 20, Sampler: x, Seed: 666, zapped: yes",
    '=HYPERLINK("http://elsewhere.invalid/","zapped")',
    "+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C zapped'!A0",
    "-2+3+cmd|' /C zapped'!A0",
)
NOTHINGS = ("null", "undefined", "None", "NaN", "' OR 1=1; DROP TABLE imagegen_job; --")
LONG = ("A long one <b zapped>" + "that goes on <i zapped onclick=alert(36)> and on " * 20 + "to its end",)

PROMPTS = TAGS + ATTRIBUTES + DISGUISES + LANGUAGES + ADDRESSES + PROTOCOLS + NOTHINGS + LONG
# Where each line is a prompt.
LINES = [prompt for prompt in PROMPTS if not re.search(r"[\r\n]", prompt)]

# Templates are looked into as well; whatever begins with "on" is script, and no page has any of the other elements.
_PLANTED = f"""(root) => {{
    const inside = (each) => (each.localName === "template" ? all(each.content) : []);
    const all = (part) => [...part.querySelectorAll("*")].flatMap((each) => [each, ...inside(each)]);
    const isMarked = (name) => name.includes("{MARK}");
    const isPlanted = (each) => isMarked(each.localName) || each.matches("base, iframe, object, embed, plaintext, math") ||
        [...each.attributes].some(({{ name }}) => isMarked(name) || name.startsWith("on"));
    return all(root).filter(isPlanted).map((each) => each.outerHTML.slice(0, 200));
}}"""
_HERE = f"() => ({_PLANTED})(document)"
_IN_TEXTS = f"""(texts) => texts.flatMap((text) => ({_PLANTED})(new DOMParser().parseFromString(text, "text/html")))"""
_CARDS = """(cards) => cards.map((card) => [
    card.id.replace("card-", ""), (card.querySelector(".whole .prompt") ?? card.querySelector(".prompt")).textContent])"""
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
PAGE = {"Accept": "text/html"}


@dataclass
class Attacked:
    """A product in which every text became a picture that everybody may see."""

    product: Product
    batch: str
    prompts: dict[str, str]

    @property
    def ids(self) -> list[str]:
        return [*self.prompts]

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.product.url}{path}", timeout=60)


def some(texts: Sequence[str], where: str) -> Sequence[str]:
    """Return those that go through a place where each needs a request of its own: an eighth, another one at each place."""
    step = 1 if THOROUGH else 8
    return texts[crc32(where.encode()) % step :: step]


def attack(product: Product, **headers: str) -> Attacked:
    """Ask for a picture of each; each is also a name and what shall not be in the picture."""
    prompts = [{"prompt": prompt, "name": prompt[:200], "negative_prompt": prompt} for prompt in PROMPTS]
    body = {
        "prompts": prompts,
        "name": PROMPTS[0],
        "visibility": "public",
        "templates": "off",
        "defaults": {"size": "64x64"},
    }
    answer = requests.post(f"{product.url}/api/batches", json=body, headers=headers, timeout=60)
    assert answer.status_code == 202, answer.text
    return Attacked(product, answer.json()["id"], dict(zip(answer.json()["jobs"], PROMPTS, strict=True)))


class Stranger:
    """Somebody who asks and sends without a browser, and looks at every header."""

    def __init__(self, product: Product) -> None:
        self._url = product.url
        self._session = requests.Session()
        [self._token, *_] = _TOKEN.findall(self.get("/"))

    def get(self, path: str, **headers: str) -> str:
        return self._heard(self._session.get(f"{self._url}{path}", headers={**PAGE, **headers}, timeout=60))

    def post(self, path: str, fields: Mapping[str, object]) -> str:
        data: Any = {"csrfmiddlewaretoken": self._token, **fields}
        return self._heard(self._session.post(f"{self._url}{path}", data=data, headers=PAGE, timeout=60))

    def _heard(self, answer: requests.Response) -> str:
        """Return what a browser would read as a page; it guesses nothing."""
        assert answer.status_code != 500, answer.url
        for each in (*answer.history, answer):
            assert each.headers["X-Content-Type-Options"] == "nosniff"
            assert MARK not in f"{[*each.headers]} {[*each.cookies.keys()]}"
        return answer.text if answer.headers.get("Content-Type", "").startswith("text/html") else ""


def planted(page: Page) -> list[str]:
    """Return what is on a page and came with a text."""
    found: list[str] = page.evaluate(_HERE)
    return found


def planted_in(page: Page, answers: list[str]) -> list[str]:
    """Return what would be on the pages that these are."""
    found: list[str] = page.evaluate(_IN_TEXTS, answers)
    return found


def cards(page: Page) -> dict[str, str]:
    """Return what each card says its prompt is."""
    return dict(page.locator("li.card").evaluate_all(_CARDS))


def on_a_page(text: str) -> str:
    """Return a text as HTML keeps it."""
    return re.sub("\r\n?", "\n", text)
