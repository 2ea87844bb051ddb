"""The one view of the bare site."""

from django.db import transaction
from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from imagegen.models import Batch, Job
from imagegen.states import State


class Prompts(serializers.Serializer[dict[str, list[str]]]):
    text = serializers.ListField(child=serializers.CharField(max_length=10_000), max_length=1000)


class Insert(APIView):
    def post(self, request: Request) -> Response:
        prompts = Prompts(data=request.data)
        prompts.is_valid(raise_exception=True)
        with transaction.atomic():
            batch = Batch(source="bench", scope="anonymous", digest="")
            batch.key = str(batch.pk)
            batch.save(force_insert=True)
            # Canceled, so that no worker draws them.
            jobs = [
                Job(batch=batch, prompt=text, provider="demo", model="demo", seed=7, position=place, state=State.CANCELED)
                for place, text in enumerate(prompts.validated_data["text"])
            ]
            Job.objects.bulk_create(jobs)
        return Response({"task_ids": [str(job.pk) for job in jobs]}, status=202)


urlpatterns = [path("generate-images", Insert.as_view())]
