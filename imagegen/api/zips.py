"""GET /api/batches/ID/zip: every picture of a batch in one file, sent while it is made."""

from uuid import UUID

from django.http import Http404, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.views import APIView

from imagegen import accounts, exports, streams
from imagegen.api.schema import describe
from imagegen.models import Batch


class BatchZip(APIView):
    """GET /api/batches/ID/zip: the pictures that are there by now, and manifest.json, which tells of all."""

    @describe("batch_zip", "Every picture of a batch in one file", {(200, streams.ZIP): OpenApiTypes.BINARY})
    def get(self, request: Request, batch_id: str) -> StreamingHttpResponse:
        accounts.check_may_read(request.user)
        batch = Batch.objects.filter(accounts.may_see(request.user), pk=batch_id).first()
        if batch is None:
            raise Http404("No such batch.")
        chunks = exports.of_batch(UUID(batch_id), request.user)
        return streams.file(request._request, chunks, name=f"chaotix-{batch.pk}.zip", content_type=streams.ZIP)
