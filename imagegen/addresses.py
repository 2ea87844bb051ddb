"""Complete addresses: what people outside this site can open."""

from django.http import HttpRequest

from imagegen import conf

# How an id looks in an address, for patterns.
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def base_url(request: HttpRequest) -> str:
    """Return the site's address without a slash at its end: PUBLIC_URL, or else whatever the request was sent to."""
    return conf.public_url() or request.build_absolute_uri("/").rstrip("/")
