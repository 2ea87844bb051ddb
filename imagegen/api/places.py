"""Pages of what a search found: `cursor` says where to go on, and which way."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from imagegen.gallery import Edge, Found
from imagegen.models import Job

ON, BACK = "on", "back"


@dataclass(frozen=True)
class Page:
    """Some of what was found, and the addresses of those after and before them."""

    jobs: list[Job]
    next: str | None
    previous: str | None


def page(found: Found, request: Request, *, most: int) -> Page:
    """Return the page that the request's cursor names, or the first. Raises NotFound for a cursor that names none."""
    way, edge = _read(request.query_params.get("cursor", ""))
    if way == BACK and edge:
        jobs = found.before(edge, most=most + 1)
        shown, more = jobs[-most:], len(jobs) > most
        return Page(shown, _address(request, ON, shown[-1:]), _address(request, BACK, shown[:1] if more else []))
    jobs = found.after(edge, most=most + 1)
    shown, more = jobs[:most], len(jobs) > most
    return Page(shown, _address(request, ON, shown[-1:] if more else []), _address(request, BACK, shown[:1] if edge else []))


def _address(request: Request, way: str, jobs: list[Job]) -> str | None:
    """Return where it goes on beyond this job; None without one."""
    if not jobs:
        return None
    [job] = jobs
    said = request.query_params.copy()
    said["cursor"] = base64.urlsafe_b64encode(f"{way} {job.created.isoformat()} {job.pk}".encode()).decode().rstrip("=")
    return f"{request.build_absolute_uri(request.path)}?{said.urlencode()}"


def _read(cursor: str) -> tuple[str, Edge | None]:
    if not cursor:
        return ON, None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        way, created, job = text.split(" ")
        return way, Edge(_moment(created), UUID(job))
    except (ValueError, binascii.Error) as error:
        raise NotFound("Invalid cursor") from error


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return moment
