"""Complete addresses: what people outside this site can open."""

from django.http import HttpRequest

from imagegen import conf


def base_url(request: HttpRequest) -> str:
    """Return the site's address without a slash at its end: PUBLIC_URL, or else whatever the request was sent to."""
    return conf.public_url() or request.build_absolute_uri("/").rstrip("/")
