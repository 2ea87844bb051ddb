"""The addresses of the APIs; each works with and without a slash at its end."""

from django.urls import re_path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularJSONAPIView

from imagegen.addresses import UUID
from imagegen.api import (
    batches,
    docs,
    events,
    generate_image,
    generate_images,
    health,
    images,
    jobs,
    openai_images,
    problems,
    prompts,
    providers,
    random_image,
    tokens,
    usage,
    v1_generate,
    zips,
)

urlpatterns = [
    re_path(r"^generate-images/?$", generate_images.GenerateImages.as_view(), name="generate-images"),
    re_path(r"^show-images/?$", generate_images.ShowImages.as_view(), name="show-images"),
    re_path(rf"^api/jobs/(?P<job_id>{UUID})/?$", jobs.OneJob.as_view(), name="api-job"),
    re_path(
        rf"^api/jobs/(?P<job_id>{UUID})/(?P<decision>cancel|retry|buy-again)/?$",
        jobs.DecideOnJob.as_view(),
        name="api-decide-job",
    ),
    re_path(r"^api/batches/?$", batches.Batches.as_view(), name="api-batches"),
    re_path(rf"^api/batches/(?P<batch_id>{UUID})/?$", batches.OneBatch.as_view(), name="api-batch"),
    re_path(
        rf"^api/batches/(?P<batch_id>{UUID})/(?P<decision>cancel|retry|pause|resume)/?$",
        batches.DecideOnBatch.as_view(),
        name="api-decide-batch",
    ),
    re_path(rf"^api/batches/(?P<batch_id>{UUID})/zip/?$", zips.BatchZip.as_view(), name="api-batch-zip"),
    re_path(r"^api/images/?$", images.Images.as_view(), name="api-images"),
    re_path(r"^api/prompts/?$", prompts.Prompts.as_view(), name="api-prompts"),
    re_path(r"^apis/generate-image/?$", random_image.generate_image, name="apis-generate-image"),
    re_path(r"^api/tokens/?$", tokens.Tokens.as_view(), name="api-tokens"),
    re_path(r"^api/tokens/(?P<beginning>\w+)/?$", tokens.OneToken.as_view(), name="api-token"),
    re_path(r"^api/events/?$", events.stream, name="api-events"),
    re_path(r"^api/usage/?$", usage.Usage.as_view(), name="api-usage"),
    re_path(r"^api/schema/?$", SpectacularJSONAPIView.as_view(), name="api-schema"),
    re_path(r"^api/docs/?$", docs.Docs.as_view(url_name="api-schema"), name="api-docs"),
    re_path(r"^api/generate_image/?$", generate_image.GenerateImage.as_view(), name="generate-image"),
    re_path(r"^v1/images/generations/?$", openai_images.generations, name="openai-generations"),
    re_path(r"^v1/models/?$", openai_images.models, name="openai-models"),
    re_path(r"^v1/generate/?$", v1_generate.Generate.as_view(), name="v1-generate"),
    re_path(r"^v1/jobs/(?P<job_id>[^/]+)/?$", v1_generate.JobStatus.as_view(), name="v1-job"),
    re_path(r"^api/providers/?$", providers.Providers.as_view(), name="api-providers"),
    re_path(r"^(?:apis?|v1)/", csrf_exempt(problems.no_such_door), name="api-nowhere"),
    re_path(r"^healthz/?$", health.healthz, name="healthz"),
    re_path(r"^readyz/?$", health.readyz, name="readyz"),
]
