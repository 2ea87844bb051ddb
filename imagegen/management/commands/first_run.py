"""`manage.py first_run`: a link that makes the first administrator."""

from typing import Any

from django.core.management import BaseCommand, CommandError

from imagegen import first_run, redis
from imagegen.management import links


class Command(BaseCommand):
    help = "Print a link that works once, and makes who opens it the administrator, where nobody has an account yet."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            secret = first_run.offer()
        except redis.Error as error:
            raise CommandError(f"The broker does not answer ({error}): start the site first.") from error
        if secret is None:
            raise CommandError(
                "Somebody has an account here: `manage.py add_user NAME --admin` makes anybody an administrator."
            )
        self.stdout.write(links.complete(first_run.path(secret)))
