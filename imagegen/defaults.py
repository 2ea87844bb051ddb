"""What a person's new forms begin with: choices of their own, whatever they or this browser chose last."""

from django.contrib.auth.models import AbstractBaseUser

from imagegen.accounts import Viewer
from imagegen.models import DefaultChoices


def of(viewer: Viewer) -> DefaultChoices | None:
    """Return this person's choices; None where they have made none."""
    return DefaultChoices.objects.filter(user=viewer.pk).first() if viewer.is_authenticated else None


def keep(person: AbstractBaseUser, choices: DefaultChoices) -> None:
    """Let new forms begin with these choices."""
    choices.user_id = person.pk
    choices.save()


def forget(person: AbstractBaseUser) -> None:
    """Let new forms begin with what was chosen last."""
    DefaultChoices.objects.filter(user=person.pk).delete()
