"""`manage.py reset_link NAME`: help who forgot a password, or lost the phone with the codes."""

from datetime import timedelta
from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from imagegen.management import links


class Command(BaseCommand):
    help = "Print a link that works once, with which this person chooses a new password. Give it to nobody else."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument(
            "--without-two-factor", action="store_true", help="let them sign in without a code, until they turn it on again"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        person = User.objects.filter(username=options["name"], is_active=True).first()
        if person is None:
            raise CommandError(f"Nobody called {options['name']} can sign in here.")
        if options["without_two_factor"]:
            Authenticator.objects.filter(user=person).delete()
            self.stdout.write(f"{person.get_username()} signs in without a code from now on.")
        self.stdout.write(_link(person))
        days = timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT).days
        self.stdout.write(f"It works once, for {days} days, until {person.get_username()} signs in or has a new password.")


def _link(person: User) -> str:
    words = {"uidb36": user_pk_to_url_str(person), "key": default_token_generator.make_token(person)}
    return links.complete(reverse("account_reset_password_from_key", kwargs=words))
