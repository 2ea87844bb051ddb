"""The addresses of the pages."""

from django.urls import path, re_path

from imagegen.web import media, pages

urlpatterns = [
    path("", pages.compose, name="compose"),
    path("batches/<uuid:batch_id>", pages.batch, name="batch"),
    re_path(
        r"^media/(?P<job_id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(?P<suffix>png|jpg|webp)$",
        media.picture,
        name="picture",
    ),
]
