"""Who may do what: the one rule of who sees a batch, and what ANONYMOUS_ACCESS lets people without a name do."""

from typing import TypeAlias

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Q

from imagegen import conf, errors
from imagegen.states import Visibility

Viewer: TypeAlias = AbstractBaseUser | AnonymousUser


def is_operator(viewer: Viewer) -> bool:
    """Whether this person sees to it that everybody gets their pictures: staff."""
    return bool(getattr(viewer, "is_staff", False))


def may_submit(viewer: Viewer) -> bool:
    return viewer.is_authenticated or conf.anonymous_access() == "open"


def check_may_submit(viewer: Viewer) -> None:
    """Raise NotAllowed where this person may not make pictures."""
    if not may_submit(viewer):
        raise errors.NotAllowed("Sign in to make pictures: people without an account may not do that here.")


def check_may_read(viewer: Viewer) -> None:
    """Raise NotAllowed where this person may not see pictures."""
    if not viewer.is_authenticated and conf.anonymous_access() == "closed":
        raise errors.NotAllowed("Sign in to see pictures: this installation is closed to people without an account.")


def may_see(viewer: Viewer) -> Q:
    """Return the condition on batches, or on jobs, for what this person may see.

    What nobody owns opens to whoever knows its id; what somebody owns to them, to staff, and to everybody once it is public.
    """
    if is_operator(viewer):
        return Q()
    seen = Q(owner=None) | Q(visibility=Visibility.PUBLIC)
    return seen | Q(owner=viewer.pk) if viewer.is_authenticated else seen


def may_list(viewer: Viewer) -> Q:
    """Return the condition like `may_see`, for what this person finds without knowing an id."""
    if is_operator(viewer):
        return Q()
    return Q(visibility=Visibility.PUBLIC) | is_theirs(viewer)


def is_theirs(viewer: Viewer) -> Q:
    """Return the condition like `may_see`, for what this person asked for.

    People without a name are one person where everybody may do everything, and have nothing elsewhere.
    """
    if viewer.is_authenticated:
        return Q(owner=viewer.pk)
    return Q(owner=None) if conf.anonymous_access() == "open" else Q(pk__in=())


def may_change(viewer: Viewer) -> Q:
    """Return the condition like `may_see`, for what this person may decide about: their own, and what is nobody's."""
    nobodys = Q(owner=None)
    return nobodys | Q(owner=viewer.pk) if viewer.is_authenticated else nobodys


def may_decide(viewer: Viewer) -> Q:
    """Return the condition like `may_see`, for what this person may cancel, try again and buy again.

    Their own and what is nobody's, as in `may_change`; staff act for everybody.
    """
    return Q() if is_operator(viewer) else may_change(viewer)


def may_oversee(viewer: Viewer) -> bool:
    """Whether this person may see what is spent here and stop it: staff, and everybody where anybody may spend."""
    return is_operator(viewer) or conf.anonymous_access() == "open"


def check_may_oversee(viewer: Viewer) -> None:
    """Raise NotAllowed where what is spent here is none of this person's business."""
    if not may_oversee(viewer):
        raise errors.NotAllowed("Only staff may see what is spent here, and stop it.")


def scope(viewer: Viewer) -> str:
    """Return whose idempotency keys these are."""
    return f"user:{viewer.pk}" if viewer.is_authenticated else "anonymous"
