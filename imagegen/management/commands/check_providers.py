"""`manage.py check_providers`: are they there, do they take the key, and what is left in the account?"""

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from imagegen import errors
from imagegen.providers import registry


class Command(BaseCommand):
    help = "Ask every configured provider, without paying, whether it could be called. Exits with 1 where one could not."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("provider", nargs="*", help="only these")

    def handle(self, *args: Any, **options: Any) -> None:
        names = options["provider"] or registry.names()
        if unknown := [name for name in names if name not in registry.names()]:
            raise CommandError(f"{', '.join(unknown)}: not one of {', '.join(registry.names())}")
        width = max(map(len, names))
        with ThreadPoolExecutor(len(names)) as threads:
            answers = list(threads.map(_ask, names))
        for name, (word, sentence) in zip(names, answers, strict=True):
            self.stdout.write(f"{name:{width}}  {word:8}  {sentence}")
        # Who names a provider wants to use it: there, one that is not configured is a fault as well.
        faults = ("FAILED", "not set") if options["provider"] else ("FAILED",)
        if any(word in faults for word, _ in answers):
            sys.exit(1)


def _ask(name: str) -> tuple[str, str]:
    """Return one word, and a sentence."""
    provider = registry.get(name)
    if missing := provider.not_configured():
        return "not set", missing
    try:
        return "ok", provider.check()
    except errors.ProviderError as error:
        return "FAILED", str(error)
