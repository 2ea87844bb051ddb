"""The log as JSON: every line by itself, with the ids that it is about, and neither a prompt nor a key in it."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

import pytest
import requests

from imagegen import logs
from tests.product import PROJECT, Product
from tests.standins.stability import StabilityStandIn

PROMPT = "a kite nobody may read of"
NAMES = {"LOG_FORMAT": "json", "LOG_LEVEL": "INFO"}

WORKER = [sys.executable, "-m", "celery", "-A", "chaotix", "--quiet", "worker"]
Lines = list[dict[str, Any]]


class TestFormat:
    def line(self, message: str, **values: Any) -> dict[str, Any]:
        """Return what a message becomes."""
        record = logging.makeLogRecord({"name": "imagegen.calls", "msg": message, "levelname": "INFO", **values})
        line = logs.JsonFormatter().format(record)
        assert len(line.splitlines()) == 1
        found: dict[str, Any] = json.loads(line)
        return found

    def test_a_line_has_its_ids_and_facts(self) -> None:
        with logs.about(request_id="abc"), logs.about(job_id=7):
            line = self.line("it is", **logs.facts(seconds=1.5))
        assert (line["request_id"], line["job_id"], line["seconds"]) == ("abc", "7", 1.5)
        assert "job_id" not in self.line("it was")

    def test_what_libraries_attach_stays_out(self) -> None:
        assert set(self.line("it is", request="GET /?text=a+kite")) == {"time", "level", "logger", "message"}

    def test_several_lines_and_a_traceback_stay_in_one(self) -> None:
        try:
            raise ValueError("one\ntwo")
        except ValueError:
            line = self.line("one\ntwo", exc_info=sys.exc_info())
        assert line["message"] == "one\ntwo"
        assert "ValueError: one\ntwo" in line["traceback"]


def said(stderr: str) -> Lines:
    """Return the lines of a log, each of which must be an object."""
    return [json.loads(line) for line in stderr.splitlines()]


class Log(NamedTuple):
    """What web server and worker said while a picture was made."""

    task: str
    lines: Lines
    key: str
    has_prompts: bool


@pytest.fixture(scope="module", params=[False, True], ids=["without prompts", "with prompts"])
def log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Log:
    """Let a web server and a worker of its own make a picture, and return what they said."""
    path = tmp_path_factory.mktemp("log") / "worker"
    with StabilityStandIn() as stability, path.open("w") as stderr:
        provider = {"STABILITY_API_KEY": stability.key, "STABILITY_API_HOST": stability.url}
        with Product(**NAMES, **provider, LOG_PROMPTS=int(request.param), WORKER_PROCESSES=0) as product:
            command = [sys.executable, "-m", "celery", "-A", "chaotix", "--quiet", "worker"]
            worker = subprocess.Popen(
                command, cwd=PROJECT, env=product.environment, stdout=subprocess.DEVNULL, stderr=stderr
            )
            try:
                task = _drawn(product)
            finally:
                worker.terminate()
                worker.wait(60)
        web = [line for line in product.lines if line.startswith("{")]
        return Log(task, said("\n".join([*web, path.read_text()])), stability.key, request.param)


def _drawn(product: Product) -> str:
    headers, text = {"X-Request-ID": "mine-1"}, {"text": [PROMPT]}
    answer = requests.post(f"{product.url}/generate-images", json=text, headers=headers, timeout=30)
    [task] = answer.json()["task_ids"]
    product.finished([task])
    requests.get(f"{product.url}/show-images", params={"text": PROMPT}, timeout=30)
    return str(task)


def test_a_request_is_followed_to_its_picture(log: Log) -> None:
    [queued] = [line for line in log.lines if "job_ids" in line]
    assert (queued["request_id"], queued["job_ids"]) == ("mine-1", [log.task])
    [ended] = [line for line in log.lines if line.get("outcome")]
    assert (ended["job_id"], ended["outcome"], ended["provider"]) == (log.task, "succeeded", "stability")
    [answered] = [line for line in log.lines if line.get("request_id") == "mine-1" and "status" in line]
    assert (answered["method"], answered["path"], answered["status"]) == ("POST", "/generate-images", 202)


def test_a_prompt_is_there_only_where_it_was_asked_for(log: Log) -> None:
    spelled = [PROMPT, quote(PROMPT), quote_plus(PROMPT)]
    with_prompt = [line for line in log.lines if any(prompt in json.dumps(line) for prompt in spelled)]
    assert [line.get("prompt") for line in with_prompt] == [PROMPT] * log.has_prompts


def test_no_key_is_ever_there(log: Log) -> None:
    assert log.key not in json.dumps(log.lines)


class TestNames:
    @pytest.fixture(scope="class")
    @classmethod
    def product(cls) -> Iterator[Product]:
        with Product(WORKER_PROCESSES=0) as product:
            yield product

    @pytest.mark.parametrize("given", ["", "a b", "x" * 101, "a\tb"])
    def test_a_name_that_is_none_is_replaced(self, product: Product, given: str) -> None:
        name = requests.get(f"{product.url}/healthz", headers={"X-Request-ID": given}, timeout=10).headers["X-Request-ID"]
        assert len(name) == 32
        assert name != given

    def test_a_name_comes_back(self, product: Product) -> None:
        answer = requests.get(f"{product.url}/healthz", headers={"X-Request-ID": "a.name-1"}, timeout=10)
        assert answer.headers["X-Request-ID"] == "a.name-1"


def test_below_its_level_nobody_says_anything() -> None:
    with Product() as product:
        product.finished(product.generate("a kite", size="64x64"))
    assert [line for line in product.lines if "INFO" in line] == []
