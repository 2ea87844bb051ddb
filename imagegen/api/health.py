"""For load balancers and people who wonder: is it alive, and can it make pictures?"""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from imagegen import readiness


@csrf_exempt
@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 as long as this process answers at all."""
    return JsonResponse({"status": "alive"})


@csrf_exempt
@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when database, broker and a worker are there, else 503 and what is missing."""
    faults = readiness.faults()
    ready = not any(faults.values())
    parts = {part: fault or "ok" for part, fault in faults.items()}
    return JsonResponse({"status": "ready" if ready else "not ready", **parts}, status=200 if ready else 503)
