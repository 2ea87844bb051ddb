"""What every page says: whether everything is stopped, and whether this person may do something about it."""

from django.http import HttpRequest

from imagegen import accounts, conf, pauses


def brake(request: HttpRequest) -> dict[str, object]:
    """Give templates `stopped`, a sentence or nothing, and what this person may do."""
    viewer = getattr(request, "user", None)
    return {
        "stopped": pauses.stopped_by(),
        "may_oversee": viewer is not None and accounts.may_oversee(viewer),
        "may_make": viewer is not None and accounts.may_submit(viewer),
        "may_sign_up": conf.sign_up_is_open(),
    }
