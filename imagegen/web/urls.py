"""The addresses of the pages."""

from django.urls import path, re_path

from imagegen.web import live, media, pages

urlpatterns = [
    path("", pages.compose, name="compose"),
    path("batches/<uuid:batch_id>", pages.batch, name="batch"),
    path("events", live.stream, name="events"),
    re_path(
        r"^media/(?P<job_id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(?P<suffix>png|jpg|webp|thumb\.webp)$",
        media.picture,
        name="picture",
    ),
]
