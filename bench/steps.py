"""What one picture of 1.47 MB costs in CPU, step by step, in one thread of this process; none of it waits for a provider."""

import hashlib
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import django

from bench import provider
from bench.figures import Figure, median

TIMES = 40


def measure(repeat: int) -> list[Figure]:
    django.setup()
    from imagegen import files, http, metadata, pictures, thumbnails

    body = provider.picture()
    picture = pictures.check(body)
    story = metadata.Story(
        str(uuid.uuid4()), "a kite", "", "stability", "core", "", "", "", 7, "Stability", "trainedAlgorithmicMedia"
    )
    with provider.Provider() as quick, tempfile.TemporaryDirectory() as folder:
        client = http.Client(quick.url)

        def receive() -> None:
            with client.post_form("/", headers={}, fields={"prompt": "a kite"}) as answer:
                for _ in answer.blocks():
                    pass

        def write() -> None:
            files.write_durably(Path(folder) / "one", [body])

        steps: dict[str, Callable[[], object]] = {
            "receive": receive,
            "write durably": write,
            "check every chunk": lambda: pictures.check(body),
            "sha256": lambda: hashlib.sha256(body).digest(),
            "write the story into the file": lambda: metadata.tell(body, picture, story),
            "thumbnail (beside the road)": lambda: thumbnails.shrink(body),
        }
        return [Figure(f"CPU: {name}", _cpu(step), unit="ms") for name, step in steps.items()]


def _cpu(step: Callable[[], object]) -> float:
    """Return the milliseconds of CPU that a step takes."""
    taken = []
    for _ in range(TIMES):
        begun = time.process_time()
        step()
        taken.append(time.process_time() - begun)
    return median(taken) * 1000
