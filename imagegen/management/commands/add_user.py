"""`manage.py add_user NAME`: make an account for somebody, where people do not make theirs themselves."""

import getpass
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = "Make an account. Asks for its password, or reads it from standard input where nobody can be asked."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--staff", action="store_true", help="may see what everybody spends, and stop it")
        parser.add_argument("--admin", action="store_true", help="may do everything, also in /admin")

    def handle(self, *args: Any, **options: Any) -> None:
        is_admin = options["admin"]
        person = User(username=options["name"], is_staff=options["staff"] or is_admin, is_superuser=is_admin)
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
