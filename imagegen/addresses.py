"""Complete addresses: what people outside this site can open."""

from django.http import HttpRequest

from imagegen import conf

# How an id looks in an address, for patterns.
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def is_from_elsewhere(request: HttpRequest) -> bool:
    """Whether a browser sends this from a page of another site, which may not act in the name of whoever sits there.

    Programs say nothing of the kind; older browsers say at least whose page it is where the method is no GET.
    """
    origin = request.headers.get("Origin")
    is_foreign = bool(origin) and origin not in (conf.public_url(), request.build_absolute_uri("/").rstrip("/"))
    return request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site") or is_foreign


def base_url(request: HttpRequest) -> str:
    """Return the site's address without a slash at its end: PUBLIC_URL, or else whatever the request was sent to."""
    return conf.public_url() or request.build_absolute_uri("/").rstrip("/")
