"""GET /api/batches/ID/zip: every picture of a batch in one file, sent while it is made."""

from collections.abc import AsyncIterator, Iterator
from uuid import UUID

from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.views import APIView

from imagegen import accounts, exports
from imagegen.api.schema import describe
from imagegen.asking import Askers
from imagegen.models import Batch

TYPE = "application/zip"
_files = Askers("zip", 2)


class BatchZip(APIView):
    """GET /api/batches/ID/zip: the pictures that are there by now, and manifest.json, which tells of all."""

    @describe("batch_zip", "Every picture of a batch in one file", {(200, TYPE): OpenApiTypes.BINARY})
    def get(self, request: Request, batch_id: str) -> StreamingHttpResponse:
        accounts.check_may_read(request.user)
        batch = Batch.objects.filter(accounts.may_see(request.user), pk=batch_id).first()
        if batch is None:
            raise Http404("No such batch.")
        chunks = exports.zipped(UUID(batch_id))
        streams = isinstance(request._request, ASGIRequest)
        headers = {"Content-Disposition": f'attachment; filename="chaotix-{batch.pk}.zip"', "Cache-Control": "no-store"}
        return StreamingHttpResponse(_in_threads(chunks) if streams else chunks, content_type=TYPE, headers=headers)


async def _in_threads(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    while chunk := await _files.ask(lambda: next(chunks, b"")):
        yield chunk
