"""`python -m bench.crowd 100000`: fill an installation with rows of pictures that nobody drew, to see how it does with many.

Settings are those of the environment, as for manage.py. The files are a few small ones of the demo, shared by all.
"""

import argparse
import itertools
import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

SHARE = 1000
PROVIDERS = {
    "demo": ("demo",),
    "stability": ("core", "ultra", "sd3.5-large"),
    "openai": ("gpt-image-1",),
    "local": ("turbo",),
}
STYLES = ("", "", "", "anime", "cinematic", "photographic")
SIZES = ((1024, 1024), (1024, 1024), (1344, 768), (768, 1344), (512, 512))
# Every third picture is public, and every fiftieth somebody's favourite.
PUBLIC, FAVOURITE = 3, 50
# A word of every second prompt, and one of a single prompt.
COMMON, RARE = "lantern", "quincunx"
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def fill(count: int) -> None:
    """Make so many pictures with their listings: three of five are ada's, one is bob's and one is nobody's."""
    from imagegen import listings

    files = [_file(number) for number in range(8)]
    dice = random.Random(count)
    owners = _owners()
    prompts = _prompts(dice)
    for first in range(0, count, SHARE):
        _make_batch(first, min(SHARE, count - first), owners[first // SHARE % len(owners)], prompts, files, dice)
    while listings.list_new():
        pass
    _mark()


def _owners() -> list[int | None]:
    from django.contrib.auth.models import User

    ada, bob = (User.objects.get_or_create(username=name)[0].pk for name in ("ada", "bob"))
    return [ada, bob, ada, None, ada]


def _prompts(dice: random.Random) -> Iterator[str]:
    """Yield prompts from the lists that come with the product, so that their words are as often there as in real ones."""
    from imagegen.writers.words import OURS

    lists = {path.stem: path.read_text(encoding="utf-8").splitlines() for path in sorted(OURS.glob("*.txt"))}
    names = sorted(lists)
    for number in itertools.count():
        phrases = ", ".join(dice.choice(lists[dice.choice(names)]) for _ in range(4))
        yield f"{phrases}{f', {COMMON}' if number % 2 else ''}{f', {RARE}' if number == 1 else ''}"


def _make_batch(
    first: int, count: int, owner: int | None, prompts: Iterator[str], files: list[str], dice: random.Random
) -> None:
    from imagegen.models import Batch, Job
    from imagegen.states import State, Visibility

    scope = f"user:{owner}" if owner else "anonymous"
    batch = Batch.objects.create(owner_id=owner, source="crowd", scope=scope, key=str(uuid4()), digest="")
    jobs = []
    for position, prompt in enumerate(itertools.islice(prompts, count)):
        provider = dice.choice(sorted(PROVIDERS))
        width, height = dice.choice(SIZES)
        created = FIRST + timedelta(seconds=first + position)
        jobs.append(
            Job(
                batch=batch,
                position=position,
                owner_id=owner,
                visibility=Visibility.PUBLIC if position % PUBLIC == 0 else Visibility.PRIVATE,
                prompt=prompt,
                provider=provider,
                model=dice.choice(PROVIDERS[provider]),
                style=dice.choice(STYLES),
                seed=position + 1,
                state=State.SUCCEEDED,
                created=created,
                changed=created,
                ended_at=created,
                picture=files[position % len(files)],
                thumbnail=files[position % len(files)],
                content_type="image/png",
                sha256="0" * 64,
                bytes=1,
                width=width,
                height=height,
            )
        )
    Job.objects.bulk_create(jobs)


def _file(number: int) -> str:
    from io import BytesIO

    from PIL import Image

    from imagegen import storage

    drawn = BytesIO()
    Image.linear_gradient("L").rotate(number * 45).save(drawn, "PNG")
    return storage.save(UUID(int=number), 1, "png", drawn.getvalue())


def _mark() -> None:
    """Let ada have favourites, stars and tags."""
    from imagegen.models import Job, Mark, Tag

    theirs = Job.objects.filter(owner__username="ada").values_list("pk", "owner")[::FAVOURITE]
    Mark.objects.bulk_create(
        Mark(scope=f"user:{owner}", job_id=job, is_favourite=True, rating=number % 5 + 1)
        for number, (job, owner) in enumerate(theirs)
    )
    Tag.objects.bulk_create(
        Tag(scope=f"user:{owner}", job_id=job, name=f"tag {number % 7}") for number, (job, owner) in enumerate(theirs)
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    asked = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chaotix.settings")
    import django

    django.setup()
    fill(asked.count)
