"""`manage.py resume`: let calls be made again."""

from typing import Any

from django.core.management import BaseCommand

from imagegen import pauses


class Command(BaseCommand):
    help = "Let calls be made again after `manage.py pause`, or after the button on the page."

    def handle(self, *args: Any, **options: Any) -> None:
        resumed = pauses.resume_everything()
        self.stdout.write("Jobs go on within seconds." if resumed else "Nothing was paused by hand.")
