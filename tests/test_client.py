"""The command-line client against the running product: pictures in a folder, and a run that goes on where it was stopped."""

import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imagegen import file_names
from tests.product import PROJECT, Product
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    with Product(STOP_SECONDS=2) as running:
        yield running


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.txt"
    path.write_text("A red flying dog\n\n  Ein Hündchen / ../ 🐕  \nA footballer kid\n", encoding="utf-8")
    return path


def command(product: Product, prompts: Path, *options: str) -> list[str]:
    out = ["--out", str(prompts.parent / "out"), "--server", product.url, "--size", "64x64"]
    return [sys.executable, "-m", "chaotix_client", str(prompts), *out, *options]


def run(product: Product, prompts: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(product, prompts, *options), cwd=PROJECT, capture_output=True, text=True, timeout=120)


def manifest(prompts: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((prompts.parent / "out" / "manifest.json").read_text(encoding="utf-8"))
    return content


def calls(product: Product) -> int:
    [(count,)] = product.rows("SELECT COUNT(*) FROM imagegen_attempt")
    return int(count)


def test_every_prompt_becomes_a_file_that_the_manifest_describes(product: Product, prompts: Path) -> None:
    done = run(product, prompts, "--seed", "7")
    assert done.returncode == 0, done.stderr
    tasks = manifest(prompts)["tasks"]
    assert [task["prompt"] for task in tasks] == ["A red flying dog", "Ein Hündchen / ../ 🐕", "A footballer kid"]
    assert [task["file"] for task in tasks] == [
        "0001-a-red-flying-dog-7.png", "0002-ein-hundchen-7.png", "0003-a-footballer-kid-7.png",
    ]  # fmt: skip
    for task in tasks:
        body = (prompts.parent / "out" / task["file"]).read_bytes()
        assert hashlib.sha256(body).hexdigest() == task["sha256"]
        assert (task["provider"], task["model"], task["cost"]) == ("demo", "demo", {"credits": 0.0})


def test_the_same_command_again_buys_nothing_and_mends_what_is_gone(product: Product, prompts: Path) -> None:
    run(product, prompts)
    before, lost = calls(product), prompts.parent / "out" / manifest(prompts)["tasks"][1]["file"]
    lost.unlink()
    assert run(product, prompts).returncode == 0
    assert lost.exists()
    assert calls(product) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_was_stopped_goes_on_and_buys_nothing_again(
    product: Product, prompts: Path, number: signal.Signals
) -> None:
    prompts.write_text("A kite\nA slow kite [demo: slow 4]\n")
    before = calls(product)
    with subprocess.Popen(command(product, prompts), cwd=PROJECT, stderr=subprocess.DEVNULL) as first:
        wait_until(lambda: calls(product) == before + 2, seconds=30, what="both calls")
        first.send_signal(number)
    assert run(product, prompts).returncode == 0
    assert all("file" in task for task in manifest(prompts)["tasks"])
    assert calls(product) == before + 2


def test_what_has_no_picture_is_named_and_the_others_are_saved(product: Product, prompts: Path) -> None:
    prompts.write_text("A kite\nA thief [demo: refuse]\n")
    done = run(product, prompts)
    assert done.returncode == 1
    assert "refused: 'A thief [demo: refuse]': The demo refused the prompt" in done.stderr
    assert ["file" in task for task in manifest(prompts)["tasks"]] == [True, False]


def test_a_folder_of_other_prompts_is_left_alone(product: Product, prompts: Path) -> None:
    run(product, prompts)
    prompts.write_text("Another kite\n")
    done = run(product, prompts)
    assert (done.returncode, "is about other prompts" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("options", "said"), [(["--provider", "nobody"], "provider 'nobody' is not one of"), (["--n", "0"], "0 is out of range")]
)
def test_what_the_server_refuses_is_said_in_its_words(
    product: Product, prompts: Path, options: list[str], said: str
) -> None:
    done = run(product, prompts, *options)
    assert (done.returncode, said in done.stderr) == (2, True)


def test_lines_of_json_carry_options_and_names_of_their_own(product: Product, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"prompt": "A kite", "name": "The Kite!", "seed": 7, "n": 2}\n"A piano ninja"\n')
    assert run(product, prompts, "--seed", "9").returncode == 0
    files = [task["file"] for task in manifest(prompts)["tasks"]]
    assert files == ["0001-the-kite-7.png", "0002-the-kite-8.png", "0003-a-piano-ninja-9.png"]


def test_a_dry_run_says_what_it_would_cost_and_makes_nothing(product: Product, prompts: Path) -> None:
    before = calls(product)
    done = run(product, prompts, "--dry-run")
    assert json.loads(done.stdout) == {"pictures": 3, "amounts": {"credits": 0.0}, "unpriced": 0}
    assert (calls(product), (prompts.parent / "out").exists()) == (before, False)


def test_a_file_without_prompts_is_a_mistake(product: Product, prompts: Path) -> None:
    prompts.write_text("\n \n")
    assert run(product, prompts).returncode == 2


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("../../etc/passwd", "0001-etc-passwd-7.png"),
        ("CON", "0001-con-7.png"),
        ("", "0001-picture-7.png"),
        ("犬", "0001-picture-7.png"),
        ("x" * 300, f"0001-{'x' * 40}-7.png"),
    ],
)
def test_a_file_s_name_is_safe_whatever_the_prompt_says(prompt: str, name: str) -> None:
    assert file_names.picture(0, prompt, 7, "png") == name
