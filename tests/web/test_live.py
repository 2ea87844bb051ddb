"""The live page's stream over real HTTP: every page hears everything it shows, nothing else, and misses nothing for long."""

import asyncio
import contextlib
import html
import os
import re
import signal
import socket
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID, uuid4

import pytest
import requests
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connection
from django.test import AsyncClient, Client

from imagegen import events, news
from imagegen.models import Batch, Job
from imagegen.queries import Card, Glance
from imagegen.states import State
from imagegen.web import live
from tests.product import Product
from tests.rows import NOBODYS, NOBODYS_EITHER, make_batch, make_job, publish_all
from tests.waiting import wait_until

SECONDS = 60
LATER = "9000-01-01T00:00:00.000000+00:00"
# No call ends by itself before the tests do.
NEVER = "[demo: slow 600]"


class Event(NamedTuple):
    """What a browser would hand to the page."""

    name: str
    text: str
    number: str

    @property
    def task(self) -> str:
        return self._fact("id").removeprefix("card-")

    @property
    def state(self) -> str:
        return self._fact("data-state")

    @property
    def version(self) -> str:
        return self._fact("data-version")

    def _fact(self, name: str) -> str:
        found = re.match(rf'<li [^>]*?\b{name}="([^"]*)"', self.text)
        assert found, self.text
        return found[1]


def parsed(lines: list[str]) -> Event | None:
    """Return the event that these lines are, as the HTML standard (9.2.6) reads them; None where they are none."""
    fields: dict[str, list[str]] = {}
    for line in lines:
        name, _, text = line.partition(":")
        fields.setdefault(name, []).append(text.removeprefix(" "))
    if "data" not in fields:
        return None
    return Event(fields.get("event", ["message"])[-1], "\n".join(fields["data"]), fields.get("id", [""])[-1])


class Page:
    """One open page: reads its stream in a thread until it ends or is closed."""

    def __init__(self, product: Product, *, number: str = "", **asked: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", product.port, timeout=2 * SECONDS)
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": number} if number else {})}
        self._connection.request("GET", f"/events?{urlencode(asked)}", headers=headers)
        self._socket = self._connection.sock
        self.answer = self._connection.getresponse()
        self.events: list[Event] = []
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def cards(self) -> list[Event]:
        return [event for event in self.events if event.name == "card"]

    def states(self) -> dict[str, str]:
        """Return the last state heard of each task."""
        return {card.task: card.state for card in self.cards}

    def wait_for(self, states: dict[str, str]) -> None:
        wait_until(lambda: self.states() == states, seconds=SECONDS, what=str(states))

    def wait_for_end(self) -> None:
        self._reader.join(2 * SECONDS)
        assert not self._reader.is_alive(), f"the stream never ended; it said {self.states()}"

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join(SECONDS)
        self._connection.close()

    def _read(self) -> None:
        block: list[str] = []
        with contextlib.suppress(HTTPException, OSError):
            for raw in self.answer:
                # A carriage return alone ends a line too.
                for line in re.split("\r\n|\r|\n", raw.decode())[:-1]:
                    block = self._take(line, block)

    def _take(self, line: str, block: list[str]) -> list[str]:
        """Note a line, and an event where it ends one; return the lines of the event that has begun."""
        self.lines.append(line)
        if line:
            return [*block, line]
        if event := parsed(block):
            self.events.append(event)
        return []


@contextmanager
def opened(product: Product, **asked: str) -> Iterator[Page]:
    page = Page(product, **asked)
    try:
        yield page
    finally:
        page.close()


def succeeded(ids: list[str]) -> dict[str, str]:
    return dict.fromkeys(ids, "succeeded")


def change(product: Product, task: str, **columns: object) -> None:
    """Change a job in the database and tell nobody, as when its event was lost."""
    assignments = ", ".join(f"{name} = '{quoted(value)}'" for name, value in columns.items())
    product.change(f"UPDATE imagegen_job SET {assignments} WHERE replace(CAST(id AS TEXT), '-', '') = '{UUID(task).hex}'")


def quoted(value: object) -> str:
    return str(value).replace("'", "''")


def ago(seconds: float) -> str:
    """Return a time as the database keeps it."""
    return f"{datetime.now(UTC) - timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S.%f}"


def tell(product: Product, task: str) -> None:
    """Send the event of a change."""
    with product.redis() as client:
        client.xadd(product.key("events"), {"job": UUID(task).bytes})


def settled(product: Product, ids: list[str]) -> list[str]:
    """Wait until nothing about these pictures changes any more: each has its thumbnail."""

    def there() -> bool:
        return all(image["thumbnail_url"] for image in product.images(ids))

    wait_until(there, seconds=SECONDS, what="the thumbnails")
    return ids


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    with Product(STOP_SECONDS=1, REDIS_URL="") as running:
        yield running


@pytest.fixture(scope="module")
def waiting(product: Product) -> str:
    """A task that is drawn for as long as the tests run."""
    [task] = product.generate(f"a very slow kite {NEVER}", size="64x64")
    wait_until(lambda: product.images([task])[0]["state"] == "running", seconds=SECONDS, what="the slow call")
    return task


@pytest.fixture(scope="module")
def done(product: Product) -> list[str]:
    return settled(product, product.generate("a kite", "two kites", "three kites", size="64x64"))


class TestForm:
    def test_it_is_a_stream_that_nobody_keeps_or_holds_back(self, product: Product, done: list[str]) -> None:
        with opened(product, task_ids=",".join(done)) as page:
            headers = page.answer.headers
            assert page.answer.status == 200
            assert headers["Content-Type"].startswith("text/event-stream")
            assert (headers["Cache-Control"], headers["X-Accel-Buffering"]) == ("no-store", "no")

    def test_it_first_says_how_soon_to_come_back(self, product: Product, done: list[str]) -> None:
        with opened(product, task_ids=done[0]) as page:
            page.wait_for_end()
            assert page.lines[0] == "retry: 2000"

    def test_every_line_is_of_a_kind_that_browsers_know(self, product: Product, done: list[str]) -> None:
        with opened(product, task_ids=",".join(done)) as page:
            page.wait_for_end()
            assert {line.partition(":")[0] for line in page.lines} <= {"", "retry", "id", "event", "data"}

    def test_a_card_comes_whole(self, product: Product, done: list[str]) -> None:
        with opened(product, task_ids=done[0]) as page:
            page.wait_for_end()
            [card] = page.cards
        assert card.text.startswith("<li ")
        assert card.text.rstrip().endswith("</li>")
        assert "\n" in card.text
        assert (card.task, card.state) == (done[0], "succeeded")

    def test_it_is_the_card_that_the_page_itself_shows(self, product: Product, done: list[str]) -> None:
        whole = requests.get(f"{product.url}/show-images", params={"task_ids": done[0]}, timeout=30).text
        with opened(product, task_ids=done[0]) as page:
            page.wait_for_end()
        squeezed = re.sub(r"\s+", " ", whole.replace(product.url, ""))
        assert re.sub(r"\s+", " ", page.cards[-1].text).strip() in squeezed

    def test_progress_comes_and_done_is_the_last_word(self, product: Product) -> None:
        ids = product.generate(*(f"kite {number}" for number in range(6)), size="64x64")
        with opened(product, task_ids=",".join(ids)) as page:
            page.wait_for_end()
        assert [event.name for event in page.events][-2:] == ["progress", "done"]
        assert "6 of 6 done" in page.events[-2].text
        assert page.states() == succeeded(ids)

    def test_done_comes_once(self, product: Product, done: list[str]) -> None:
        with opened(product, task_ids=",".join(done)) as page:
            page.wait_for_end()
        assert [event.name for event in page.events].count("done") == 1


class TestWhatIsMissed:
    def test_a_page_catches_up_on_all_that_happened_since_it_was_rendered(self, product: Product, done: list[str]) -> None:
        with opened(product, task_ids=",".join(done), since="2020-01-01T00:00:00+00:00") as page:
            page.wait_for(succeeded(done))

    def test_what_a_page_has_does_not_come_again(self, product: Product, done: list[str]) -> None:
        with opened(product, task_ids=",".join(done), since=LATER) as page:
            page.wait_for_end()
            assert page.cards == []

    def test_the_address_that_a_page_names_leads_to_what_it_does_not_show_yet(self, product: Product) -> None:
        ids = product.generate("a slow kite [demo: slow 1]", "a kite", size="64x64")
        text = requests.get(f"{product.url}/show-images", params={"task_ids": ",".join(ids)}, timeout=30).text
        found = re.search(r'data-events="([^"]+)"', text)
        assert found
        asked = dict(parse_qsl(urlsplit(html.unescape(found[1])).query))
        assert asked["since"]
        with opened(product, **asked) as page:
            page.wait_for_end()
            assert page.states()[ids[0]] == "succeeded"

    def test_the_number_of_the_last_event_counts_for_more_than_the_address(self, product: Product, done: list[str]) -> None:
        with opened(product, task_ids=",".join(done), since="2020-01-01T00:00:00+00:00", number=LATER) as page:
            page.wait_for_end()
            assert page.cards == []

    def test_a_page_that_comes_back_hears_what_happened_meanwhile(self, product: Product) -> None:
        ids = product.generate("a kite", "a slow kite [demo: slow 2]", size="64x64")
        with opened(product, task_ids=",".join(ids)) as page:
            wait_until(lambda: page.states().get(ids[0]) == "succeeded", seconds=SECONDS, what="the first picture")
        product.finished(ids)
        with opened(product, task_ids=",".join(ids), number=page.cards[-1].number) as again:
            again.wait_for_end()
            assert again.states()[ids[1]] == "succeeded"

    def test_a_page_that_comes_back_is_not_told_again_what_it_has(self, product: Product, waiting: str) -> None:
        [task] = settled(product, product.generate("an old kite", size="64x64"))
        change(product, task, changed=ago(3600))
        with opened(product, task_ids=f"{task},{waiting}") as page:
            wait_until(lambda: any(event.name == "progress" for event in page.events), seconds=SECONDS, what="progress")
        with opened(product, task_ids=f"{task},{waiting}", number=page.events[-1].number) as again:
            wait_until(lambda: bool(again.events), seconds=SECONDS, what="anything")
            assert task not in again.states()

    def test_a_lost_event_is_not_hidden_by_a_later_one_before_the_page_came_back(self, product: Product) -> None:
        """A page is promised what it missed within 15 s; so a number must not stand for more than it was sent."""
        lost, heard = product.generate(f"lost {NEVER}", f"heard {NEVER}", size="64x64")
        asked = {"task_ids": f"{lost},{heard}"}
        with opened(product, **asked) as page:
            page.wait_for({lost: "running", heard: "running"})
            change(product, lost, prompt="changed in silence", changed=ago(0))
            change(product, heard, prompt="changed aloud", changed=ago(-12))
            tell(product, heard)
            wait_until(lambda: "changed aloud" in page.cards[-1].text, seconds=SECONDS, what="the change")
        with opened(product, **asked, number=page.cards[-1].number) as again:
            wait_until(lambda: "changed in silence" in str(again.cards), seconds=5, what="the change that was lost")


class TestManyPages:
    def test_fifty_pages_hear_of_every_picture(self, product: Product) -> None:
        ids = product.generate("a slow one [demo: slow 3]", *(f"kite {number}" for number in range(20)), size="64x64")
        with ExitStack() as stack:
            pages = [stack.enter_context(opened(product, task_ids=",".join(ids))) for _ in range(50)]
            for page in pages:
                page.wait_for_end()
        assert [page.states() for page in pages] == [succeeded(ids)] * 50

    def test_a_page_hears_nothing_of_another_pages_jobs(self, product: Product, waiting: str) -> None:
        with opened(product, task_ids=waiting) as page, opened(product, task_ids=waiting) as other:
            wait_until(lambda: bool(page.cards and other.cards), seconds=SECONDS, what="both pages")
            ids = product.generate("somebody else's kite", size="64x64")
            product.finished(ids)
            change(product, waiting, changed=ago(0))
            tell(product, waiting)
            wait_until(lambda: len(page.cards) > 1, seconds=SECONDS, what="its own job's event")
            assert set(page.states()) == {waiting}

    def test_a_thousand_cards_fit_into_an_address(self, product: Product, done: list[str]) -> None:
        ids = ",".join([*done, *(str(uuid4()) for _ in range(997))])
        with opened(product, task_ids=ids) as page:
            page.wait_for_end()
            assert page.states() == succeeded(done)

    def test_pages_that_are_left_leave_nothing_behind(self, product: Product, waiting: str) -> None:
        for _ in range(30):
            with opened(product, task_ids=waiting):
                pass
        with opened(product, task_ids=waiting) as page:
            wait_until(lambda: bool(page.cards), seconds=SECONDS, what="the card")


class TestAddresses:
    @pytest.mark.parametrize(
        "query",
        [
            "",
            "batch=",
            "batch=nonsense",
            "batch=%00",
            f"batch={NOBODYS}",
            "task_ids=",
            "task_ids=nonsense,,%00,1e400,../..",
            f"task_ids={NOBODYS}&task_ids={NOBODYS_EITHER}",
            "batch=nonsense&task_ids=nonsense",
            "%ff=%fe&task_ids=%ff",
        ],
    )
    def test_an_address_that_names_nothing_gives_nothing_and_an_end(self, product: Product, query: str) -> None:
        answer = requests.get(f"{product.url}/events?{query}", timeout=SECONDS)
        assert answer.status_code == 200
        assert "event: card" not in answer.text
        assert answer.text.endswith("event: done\ndata: \n\n")

    @pytest.mark.parametrize(
        "since",
        [
            "nonsense", "%00", "0", "-1", "NaN", "2026-11-21", "2026-11-21T12:00", "2026-13-45T99:99",
            "0001-01-01T00:00:00", "0001-01-01T00:00:30+14:00", "9999-12-31T23:59:59-14:00", "x" * 5000, "é\u202e🦊",
            "2026-11-21T12:00:00 00:00",
        ],
    )  # fmt: skip
    def test_a_time_that_cannot_be_read_gives_too_much_rather_than_a_fault(
        self, product: Product, done: list[str], since: str
    ) -> None:
        answer = requests.get(f"{product.url}/events", {"task_ids": done[0], "since": since}, timeout=SECONDS)
        assert answer.status_code == 200
        assert answer.text.endswith("event: done\ndata: \n\n")

    @pytest.mark.parametrize("number", [b"nonsense", b"\xff\xfe", b"0001-01-01T00:00:00", b"1" * 4000, b"-"])
    def test_a_number_that_is_not_ours_gives_everything(self, product: Product, done: list[str], number: bytes) -> None:
        headers = {"Last-Event-ID": number}
        answer = requests.get(f"{product.url}/events", {"task_ids": done[0]}, headers=headers, timeout=SECONDS)
        assert answer.status_code == 200
        assert "event: card" in answer.text

    def test_a_head_is_answered_and_the_connection_stays_of_use(self, product: Product, waiting: str) -> None:
        with requests.Session() as session:
            answer = session.head(f"{product.url}/events", params={"task_ids": waiting}, timeout=SECONDS)
            assert (answer.status_code, answer.content) == (200, b"")
            assert session.get(f"{product.url}/healthz", timeout=10).status_code == 200

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
    def test_other_methods_are_refused(self, product: Product, done: list[str], method: str) -> None:
        address = f"{product.url}/events?task_ids={done[0]}"
        answer = requests.request(method, address, headers={"Origin": product.url}, timeout=SECONDS)
        assert answer.status_code in (403, 405)


FORGED = {
    "an event of its own": "a dog\n\nevent: done\ndata: x\n\nevent: card\ndata: <li id=card-1></li>\n\n",
    "carriage returns": "a dog\r\revent: done\rdata: x\r\r",
    "both": "a dog\r\n\r\nevent: done\r\ndata: x\r\n\r\n",
    "a number": "a dog\nid: 9000-01-01\n\n",
    "a wait": "a dog\nretry: 1\n\n",
    "a comment": "a dog\n: nothing\n\n",
    "far line ends": "a dog\u2028event: done\u2029data: x\x85\x0b\x0c\x1c\x1d\x1edata: y",
    "markup": "</li><script>alert(1)</script><li id='card-1' data-state='succeeded'>",
    "blanks": "data: \n:\n\n\n\n\n",
}


class TestForgery:
    @pytest.mark.parametrize("prompt", FORGED.values(), ids=FORGED)
    def test_a_prompt_is_text_whatever_it_says(self, product: Product, waiting: str, prompt: str) -> None:
        ids = [self._made(product, prompt)]
        with opened(product, task_ids=",".join(ids)) as page:
            page.wait_for_end()
        assert [event.name for event in page.events if event.name != "progress"] == ["card", "done"]
        assert [line for line in page.lines if line.startswith("retry")] == ["retry: 2000"]
        assert page.cards[0].task == ids[0]
        assert "<script" not in page.cards[0].text
        shown = html.unescape(re.sub(r"<[^>]*>", " ", page.cards[0].text)).split()
        assert [word for word in prompt.split() if word not in shown] == []

    def test_signs_that_end_no_line_of_a_stream_stay(self, product: Product) -> None:
        prompt = FORGED["far line ends"]
        with opened(product, task_ids=self._made(product, prompt)) as page:
            page.wait_for_end()
        assert prompt in html.unescape(page.cards[0].text)

    def _made(self, product: Product, prompt: str) -> str:
        """Return a task with this very prompt, past every check at the doors."""
        [task] = settled(product, product.generate("a kite", size="64x64"))
        change(product, task, prompt=prompt, changed=ago(0))
        return task


class TestRedisAway:
    def test_a_redis_that_is_wiped_costs_no_page_anything(self, product: Product) -> None:
        ids = product.generate(*(f"kite {number} [demo: slow 0.5]" for number in range(20)), size="64x64")
        with opened(product, task_ids=",".join(ids)) as page:
            wait_until(lambda: bool(page.cards), seconds=SECONDS, what="a card")
            with product.redis() as client:
                client.delete(*client.keys(product.key("*")))
            page.wait_for_end()
            assert page.states() == succeeded(ids)

    def test_a_redis_that_is_killed_costs_no_page_anything(self, product: Product) -> None:
        ids = product.generate(*(f"kite {number} [demo: slow 1]" for number in range(20)), size="64x64")
        with opened(product, task_ids=",".join(ids)) as page:
            wait_until(lambda: bool(page.cards), seconds=SECONDS, what="a card")
            [killed] = [pid for words, pid in product.parts() if "valkey" in words]
            os.kill(killed, signal.SIGKILL)
            page.wait_for_end()
            assert page.states() == succeeded(ids)


class SlowGoodbye:
    """Listens without hearing anything, and takes its time to end, as a Redis connection does."""

    def __init__(self) -> None:
        self.may_leave = asyncio.Event()
        self._steps: list[str] = []
        self._times = 0

    async def listen(self) -> AsyncGenerator[set[UUID], None]:
        self._times += 1
        number = self._times
        self._steps.append(f"listening {number}")
        try:
            while True:
                await asyncio.sleep(0.01)
                yield set()
        finally:
            self._steps.append(f"leaving {number}")
            await self.may_leave.wait()

    async def reaches(self, step: str) -> None:
        while step not in self._steps:
            await asyncio.sleep(0.01)


def queued_page() -> live.Page:
    return live.Page({uuid4(): Glance("0", "queued", datetime.now(UTC), False, False, False)}, "")


class TestOnePage:
    def test_a_card_that_was_rendered_late_does_not_take_the_place_of_a_newer_one(self) -> None:
        """The event's card and the catch-up's are rendered in two threads, and may arrive in either order."""
        job, now = uuid4(), datetime.now(UTC)
        old, new = (
            Card(str(job), state, state, version=version) for state, version in (("running", "1"), ("succeeded", "2"))
        )

        async def news() -> list[str]:
            page = live.Page({job: Glance("0", "queued", now, False, False, False)}, "")
            page.push(job, new, "new")
            page.push(job, old, "old")
            return await page.news(0)

        assert asyncio.run(news()) == ["new"]

    def test_a_page_that_opens_while_the_reader_says_goodbye_has_a_reader(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The reader ends with the last page, which takes a moment; a page that is loaded anew comes in that moment."""
        hub, reader = live.Hub(news.Newsroom()), SlowGoodbye()
        monkeypatch.setattr(news, "RETRY_SECONDS", 0.001)
        monkeypatch.setattr(events, "listen", reader.listen)

        async def play() -> None:
            with hub.showing(queued_page()):
                await reader.reaches("listening 1")
            await reader.reaches("leaving 1")
            with hub.showing(queued_page()):
                reader.may_leave.set()
                await reader.reaches("listening 2")

        asyncio.run(asyncio.wait_for(play(), SECONDS / 4))

    @pytest.mark.django_db(transaction=True)
    def test_a_change_whose_event_was_lost_comes_all_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(live, "CATCH_UP_SECONDS", 0.2)
        job = make_job("a kite", state=State.RUNNING)

        def finish() -> None:
            Job.objects.update(state=State.SUCCEEDED, changed=datetime.now(UTC))
            # The thread that does this lives on.
            connection.close()

        async def told() -> str:
            answer: Any = await AsyncClient().get(f"/events?task_ids={job.pk}")
            text = ""
            async for part in answer.streaming_content:
                text += part.decode()
                if "Drawing" in text:
                    await sync_to_async(finish)()
            return text

        assert 'data-state="succeeded"' in asyncio.run(told())


@pytest.fixture
def hers() -> Batch:
    batch = make_batch(owner=User.objects.create_user("ada"))
    make_job("a secret", batch=batch, state=State.SUCCEEDED)
    return batch


def read(batch: Batch, name: str = "", *, by: str = "batch") -> Any:
    """Return status and text of the stream of a batch, as this person hears it."""
    client = AsyncClient()
    if name:
        client.force_login(User.objects.get_or_create(username=name)[0])
    query = f"batch={batch.pk}" if by == "batch" else f"task_ids={batch.jobs.get().pk}"

    async def ask() -> tuple[int, str]:
        answer: Any = await client.get(f"/events?{query}")
        if not answer.streaming:
            return answer.status_code, answer.content.decode()
        return answer.status_code, "".join([part.decode() async for part in answer.streaming_content])

    return asyncio.run(ask())


@pytest.mark.django_db(transaction=True)
class TestWhoHears:
    @pytest.mark.parametrize("by", ["batch", "task"])
    @pytest.mark.parametrize("name", ["", "bob"])
    def test_somebody_elses_batch_gives_nothing(self, hers: Batch, name: str, by: str) -> None:
        status, text = read(hers, name, by=by)
        assert (status, "event: card" in text, "a secret" in text) == (200, False, False)
        assert text.endswith("event: done\ndata: \n\n")

    @pytest.mark.parametrize("by", ["batch", "task"])
    def test_its_owner_hears_of_it(self, hers: Batch, by: str) -> None:
        assert "a secret" in read(hers, "ada", by=by)[1]

    def test_everybody_hears_of_a_public_one(self, hers: Batch) -> None:
        publish_all()
        assert "a secret" in read(hers)[1]

    def test_nobody_without_a_name_hears_anything_where_that_is_closed(self, settings: Any) -> None:
        settings.ANONYMOUS_ACCESS = "closed"
        batch = make_batch()
        make_job("a secret", batch=batch, state=State.SUCCEEDED)
        status, text = read(batch)
        assert (status, "a secret" in text) == (403, False)

    def test_a_server_that_cannot_stream_says_so_for_good(self, client: Client, hers: Batch) -> None:
        answer = client.get(f"/events?batch={hers.pk}")
        assert (answer.status_code, answer.content) == (204, b"")
