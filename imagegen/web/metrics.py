"""GET /metrics, for Prometheus."""

from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from imagegen import conf, metrics


@never_cache
@require_safe
def view(request: HttpRequest) -> HttpResponse:
    """Answer whoever brings METRICS_TOKEN; without one, everybody where everybody may do everything anyway."""
    if token := conf.metrics_token():
        allowed = constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {token}")
    else:
        allowed = conf.anonymous_access() == "open"
    if not allowed:
        text = "Metrics need METRICS_TOKEN, as a bearer token.\n"
        return HttpResponse(text, status=401, content_type="text/plain", headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(metrics.text(), content_type=CONTENT_TYPE_LATEST)
