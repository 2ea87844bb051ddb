"""`manage.py add_user NAME`: make an account for somebody, or let somebody who has one do more."""

import getpass
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = (
        "Make an account. Asks for its password, or reads it from standard input where nobody can be asked. "
        "With --staff or --admin, somebody who has an account may do more from then on, once you say yes."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--staff", action="store_true", help="may see what everybody spends, and stop it")
        parser.add_argument("--admin", action="store_true", help="may do everything, also in /admin")

    def handle(self, *args: Any, **options: Any) -> None:
        name, is_admin = options["name"], options["admin"]
        rights = {"is_staff": options["staff"] or is_admin, "is_superuser": is_admin}
        known = User.objects.filter(username=name).first()
        if known and rights["is_staff"]:
            self._promote(known, "an administrator" if is_admin else "staff", rights)
        else:
            self._make(User(username=name, **rights))

    def _promote(self, person: User, role: str, rights: dict[str, bool]) -> None:
        """Give somebody rights that they have not. A stranger may have taken the name that was meant for another: ask."""
        self.stdout.write(f"{person.get_username()} has an account, since {person.date_joined:%Y-%m-%d}.")
        if not _is_yes(f"Make {person.get_username()} {role}? Type yes: "):
            raise CommandError("Nothing was changed.")
        gained = [name for name, is_given in rights.items() if is_given]
        for name in gained:
            setattr(person, name, True)
        person.save(update_fields=gained)
        self.stdout.write(f"{person.get_username()} is {role} now.")

    def _make(self, person: User) -> None:
        try:
            person.clean_fields(exclude=["password"])
            person.validate_unique()
            password = getpass.getpass("Password: ")
            validate_password(password, person)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        person.set_password(password)
        person.save()
        self.stdout.write(f"{person.get_username()} can sign in now.")


def _is_yes(question: str) -> bool:
    """Ask in the terminal; nobody there to answer is no."""
    try:
        return input(question).strip().lower() == "yes"
    except EOFError:
        return False
