"""What a provider answered is kept on disk as it came, and found again by its attempt."""

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from imagegen import conf, http, spool
from imagegen.errors import NoRoom, OutcomeUnknown


def kept(body: bytes = b"a picture", headers: dict[str, str] | None = None) -> UUID:
    attempt = uuid4()
    spool.keep(attempt, "demo")(200, headers or {}, [body])
    return attempt


@pytest.mark.parametrize(
    "body",
    [b"", b"a picture", b"\n\n{}\n", b'{"status": 500}\nx', bytes(range(256)) * 4096],
    ids=lambda body: str(len(body)),
)
def test_a_body_comes_back_as_it_was(body: bytes) -> None:
    assert spool.read(kept(body)).body == body


def test_keeping_returns_what_can_be_read_later() -> None:
    attempt = uuid4()
    answer = spool.keep(attempt, "demo")(403, {"seed": "7"}, [b"one ", b"two"])
    for found in (answer, spool.read(attempt)):
        assert (found.status, found.headers, found.body) == (403, {"seed": "7"}, b"one two")


def test_what_was_read_whole_is_there_when_another_process_has_thrown_the_file_away() -> None:
    attempt = uuid4()
    spool.keep(attempt, "demo")(200, {}, [b"a picture"])
    found = spool.read(attempt)
    spool.discard(attempt)
    assert found.body == b"a picture"


@pytest.mark.parametrize(
    "value", ["", "a\nb", 'a"b', "ü 🦊", "x" * 100_000], ids=["empty", "lines", "quote", "wide", "long"]
)
def test_a_header_comes_back_as_it_was(value: str) -> None:
    assert spool.read(kept(headers={"x-odd": value})).headers == {"x-odd": value}


def test_attempts_do_not_share_answers() -> None:
    first, second = kept(b"first"), kept(b"second")
    assert (spool.read(first).body, spool.read(second).body) == (b"first", b"second")


def test_an_answer_that_was_never_kept_is_not_found() -> None:
    with pytest.raises(FileNotFoundError):
        spool.read(uuid4())


def test_a_discarded_answer_is_gone() -> None:
    attempt = kept()
    spool.discard(attempt)
    with pytest.raises(FileNotFoundError):
        spool.read(attempt)


def test_discarding_what_is_not_there_is_no_error() -> None:
    spool.discard(uuid4())


def test_half_an_answer_is_no_answer_and_leaves_no_file() -> None:
    def blocks() -> Iterator[bytes]:
        yield b"half a pic"
        raise OutcomeUnknown("The connection broke.")

    with pytest.raises(OutcomeUnknown):
        spool.keep(uuid4(), "demo")(200, {}, blocks())
    assert list(conf.spool_dir().iterdir()) == []


def test_the_file_is_named_by_the_attempt_alone() -> None:
    attempt = kept(headers={"x-name": "../../etc/passwd"})
    assert [path.name for path in conf.spool_dir().iterdir()] == [f"{attempt}.answer"]


def test_the_head_names_the_provider() -> None:
    spool.keep(attempt := uuid4(), "stability")(200, {}, [b""])
    assert b'"provider": "stability"' in (conf.spool_dir() / f"{attempt}.answer").read_bytes()


class TestRoom:
    def test_there_is_room_for_a_call(self) -> None:
        spool.check_room(0)

    def test_no_disk_has_room_for_a_thousand_million_calls(self) -> None:
        with pytest.raises(NoRoom, match=r"\d+ MB free; 1000000001 answers may need \d+ MB"):
            spool.check_room(1_000_000_000)

    def test_one_answer_more_than_the_calls_in_flight_must_fit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http, "MAX_BYTES", 1 << 59)
        with pytest.raises(NoRoom):
            spool.check_room(0)


def test_an_answer_that_is_discarded_while_it_is_looked_at_is_not_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = uuid4()
    spool.keep(attempt, "demo")(200, {}, [b"x"])
    monkeypatch.setattr(Path, "glob", lambda *_: iter([spool._path(attempt)]))
    spool.discard(attempt)
    assert spool.left_behind(1) == []


def test_what_a_dead_process_had_begun_to_write_is_removed_after_a_while() -> None:
    fresh, old = (conf.spool_dir() / f".{name}.part" for name in ("fresh", "old"))
    fresh.parent.mkdir(parents=True, exist_ok=True)
    for draft in (fresh, old):
        draft.write_bytes(b"half a pict")
    os.utime(old, (0, 0))
    spool.discard_drafts(60)
    assert (fresh.exists(), old.exists()) == (True, False)
