"""`python -m chaotix_client prompts.txt --out pictures/`: send prompts, wait, save pictures; go on where it was stopped."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from chaotix_client.manifest import Manifest, OtherRun
from chaotix_client.server import Refused, Server
from imagegen import file_names

UNFINISHED = ("queued", "running")
LOOK_SECONDS = 1.0
OPTIONS = ("provider", "model", "size", "aspect_ratio", "style", "quality", "negative_prompt", "seed", "n")
# What the manifest says of each picture besides its file.
TOLD = ("prompt", "name", "negative_prompt", "provider", "model", "style", "quality", "seed", "state", "why")


def main() -> int:
    """Return 0 where every picture is there, 1 where some are not, 2 where nothing could be asked."""
    words = _arguments()
    try:
        asked = _asked(words)
        server = Server(words.server)
        if words.dry_run:
            print(json.dumps(server.estimate(asked), indent=2))
            return 0
        return _run(server, Manifest.open(Path(words.out), server=words.server, asked=asked), asked)
    except (OtherRun, Refused, OSError, ValueError) as error:
        print(f"chaotix_client: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here, and buys nothing again.", file=sys.stderr)
        return 130


def _run(server: Server, manifest: Manifest, asked: dict[str, Any]) -> int:
    batch = server.make(asked, key=manifest.key)
    manifest.begin(batch["id"], batch["jobs"])
    seen: dict[str, int] | None = None
    while seen is None or any(seen.get(state) for state in UNFINISHED):
        if (states := server.states(batch["id"])) == seen:
            time.sleep(LOOK_SECONDS)
            continue
        seen = states
        _fetch(server, manifest, batch["id"])
    missing = [task for task in manifest.tasks if "file" not in task]
    print(file=sys.stderr)
    for task in missing:
        print(f"{task['state']}: {task['prompt']!r}: {task['why']}", file=sys.stderr)
    return 1 if missing else 0


def _fetch(server: Server, manifest: Manifest, batch: str) -> None:
    """Save the pictures that are there by now, and show how far it is."""
    places = {task["task_id"]: place for place, task in enumerate(manifest.tasks)}
    for image in server.images(batch):
        place = places[image["id"]]
        task = manifest.tasks[place]
        task.update({name: image[name] for name in TOLD}, cost=image["cost"]["amounts"])
        if image["image_url"] and not manifest.has_picture(task):
            name = file_names.picture(place, image["name"] or image["prompt"], image["seed"], _suffix(image))
            manifest.keep(task, name, server.picture(image["image_url"]))
            manifest.save()
        _show(sum("file" in each for each in manifest.tasks), len(manifest.tasks))
    manifest.save()


def _suffix(image: dict[str, Any]) -> str:
    return str(image["image_url"]).rpartition(".")[2]


def _show(done: int, total: int) -> None:
    """Draw the bar, where somebody is looking."""
    if sys.stderr.isatty():
        filled = 30 * done // max(total, 1)
        print(f"\r[{'#' * filled}{'-' * (30 - filled)}] {done} of {total}", end="", file=sys.stderr, flush=True)


def _asked(words: argparse.Namespace) -> dict[str, Any]:
    """Return the body that asks for these prompts: one for each line of a text, or one for each JSON value of a .jsonl."""
    text = sys.stdin.read() if words.prompts == "-" else Path(words.prompts).read_text(encoding="utf-8-sig")
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if not lines:
        raise ValueError(f"{words.prompts} holds no prompt")
    prompts = [json.loads(line) for line in lines] if words.prompts.endswith(".jsonl") else lines
    defaults = {name: value for name in OPTIONS if (value := getattr(words, name)) is not None}
    return {"prompts": prompts, "defaults": defaults}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m chaotix_client",
        description="Make pictures of a file of prompts. CHAOTIX_TOKEN says who asks, where a server wants to know.",
    )
    parser.add_argument("prompts", help="a file with one prompt a line, or a .jsonl file; - reads from standard input")
    parser.add_argument("--out", required=True, help="the folder for the pictures and manifest.json")
    parser.add_argument("--server", default="http://localhost:8000", help="default: %(default)s")
    parser.add_argument("--dry-run", action="store_true", help="only say what it would cost")
    for name in OPTIONS:
        kind = int if name in ("seed", "n") else str
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
