"""GET /media/<task id>.png, or by another name /output/…: one picture, under the one rule of who sees what."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.templatetags.static import static
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from imagegen import accounts, conf, outputs, queries, storage
from imagegen.errors import StorageUnavailable


@require_safe
def icon(request: HttpRequest) -> HttpResponse:
    """Lead to the icon: where a page names none, such as a picture opened alone, browsers ask for it here."""
    return redirect(static("imagegen/icon.svg"))


@require_safe
def output(request: HttpRequest, name: str) -> HttpResponse:
    """Answer with the same picture by the name that clients of /v1/generate know."""
    accounts.check_may_read(request.user)
    found = outputs.find(name, request.user)
    if found is None:
        raise Http404("No such picture.")
    return picture(request, str(found.job), found.suffix)


@require_safe
def picture(request: HttpRequest, job_id: str, suffix: str) -> HttpResponse:
    """Answer with the stored bytes, their true type and a validator; a picture never changes under its address."""
    accounts.check_may_read(request.user)
    found = queries.picture(UUID(job_id), suffix, request.user)
    if found is None:
        raise Http404("No such picture.")
    headers = {"ETag": found.etag, "Cache-Control": "private, max-age=31536000, immutable"}
    answer = HttpResponse(content_type=found.content_type, headers=headers)
    unchanged = get_conditional_response(request, etag=headers["ETag"], response=answer)
    if unchanged is not None and unchanged is not answer:
        return unchanged
    if address := storage.address(found.name):
        # Kept for less than it works.
        caching = f"private, max-age={conf.presigned_seconds() // 2}"
        return HttpResponseRedirect(address, headers={"Cache-Control": caching})
    return filled(answer, found.name)


def filled(answer: HttpResponse, name: str) -> HttpResponse:
    """Return the answer with a stored file in it, or one that says that the place where files are kept is away."""
    try:
        answer.content = storage.read(name)
    except FileNotFoundError as error:
        raise Http404("The picture's file is gone.") from error
    except StorageUnavailable as error:
        return HttpResponse(str(error), status=503, content_type="text/plain")
    return answer
