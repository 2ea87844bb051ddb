"""`manage.py move_media`: carry pictures from MEDIA_ROOT over to the bucket that S3_BUCKET names."""

import sys
from collections import Counter
from typing import Any

from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.core.management import BaseCommand, CommandParser

from imagegen import moves
from imagegen.errors import StorageUnavailable
from imagegen.moves import Fate

SAY_EVERY = 100


class Command(BaseCommand):
    help = (
        "Copy every picture and thumbnail from MEDIA_ROOT to the bucket that S3_BUCKET names, and compare each with its "
        "sha256. May be stopped and run again. Nothing is deleted without --delete."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--delete", action="store_true", help="delete each file from MEDIA_ROOT that is in the bucket")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.S3_BUCKET:
            sys.exit("chaotix: S3_BUCKET is not set, so pictures stay in MEDIA_ROOT; name the bucket to carry them to.")
        try:
            fates = self._move(delete=options["delete"])
        except StorageUnavailable as error:
            sys.exit(f"chaotix: {error} What was copied is there; run this again to go on.")
        self.stdout.write(", ".join(f"{count} {fate}" for fate, count in fates.items()) or "There are no pictures.")
        if fates[Fate.MISSING] or fates[Fate.DAMAGED]:
            sys.exit(1)

    def _move(self, *, delete: bool) -> Counter[Fate]:
        fates: Counter[Fate] = Counter()
        for name, fate in moves.carry_over(FileSystemStorage(settings.MEDIA_ROOT), delete=delete):
            fates[fate] += 1
            if fate in (Fate.MISSING, Fate.DAMAGED):
                self.stderr.write(f"{name}: {fate}")
            if fates.total() % SAY_EVERY == 0:
                self.stdout.write(f"{fates.total()} files")
        return fates
