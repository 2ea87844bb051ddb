"""`manage.py pause`: make no further call to any provider."""

import getpass
from typing import Any

from django.core.management import BaseCommand

from imagegen import pauses


class Command(BaseCommand):
    help = "Stop all spending: calls in flight end, no new one is made. `manage.py resume` lets them go on."

    def handle(self, *args: Any, **options: Any) -> None:
        pauses.stop_everything(f"{_user()} on the command line")
        self.stdout.write("Everything is paused; jobs wait. `manage.py resume` lets them go on.")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user need not have a name.
        return "somebody"
