"""What one picture of 1.47 MB costs in CPU, step by step, in one thread of this process; none of it waits for a provider."""

import hashlib
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import django

from bench import provider
from bench.figures import Figure, median_seconds

TIMES = 40


def measure(repeat: int) -> list[Figure]:
    django.setup()
    from imagegen import files, http, metadata, pictures, thumbnails

    body = provider.picture()
    picture = pictures.check(body)
    story = metadata.Story(
        str(uuid.uuid4()), "a kite", "", "stability", "core", "", "", "", "", 7, "Stability", "trainedAlgorithmicMedia"
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
        return [
            Figure(f"CPU: {name}", median_seconds(step, TIMES, clock=time.process_time) * 1000, unit="ms")
            for name, step in steps.items()
        ]
