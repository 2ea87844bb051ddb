"""Files that are made while they are sent, in a few threads of their own."""

from collections.abc import AsyncIterator, Iterator

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

from imagegen.asking import Askers

ZIP = "application/zip"
_files = Askers("files", 2)


def file(request: HttpRequest, chunks: Iterator[bytes], *, name: str, content_type: str) -> StreamingHttpResponse:
    """Answer with a file to keep. `name` is ours, never what somebody typed."""
    body = _in_threads(chunks) if isinstance(request, ASGIRequest) else chunks
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(body, content_type=content_type, headers=headers)


async def _in_threads(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    while chunk := await _files.ask(lambda: next(chunks, b"")):
        yield chunk
