"""`manage.py resume`: let calls be made again."""

from typing import Any

from django.core.management import BaseCommand, CommandParser

from imagegen import pauses, usage


class Command(BaseCommand):
    help = "Let calls be made again: after `manage.py pause`, or to a provider that rests."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("provider", nargs="?", default=pauses.EVERYTHING, help="only this one, which rests by itself")

    def handle(self, *args: Any, **options: Any) -> None:
        resumed = usage.resume(options["provider"])
        self.stdout.write("Jobs go on within seconds." if resumed else "Nothing was paused.")
