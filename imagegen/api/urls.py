"""The addresses of the APIs; each works with and without a slash at its end."""

from django.urls import re_path

from imagegen.api import generate_images, health

urlpatterns = [
    re_path(r"^generate-images/?$", generate_images.GenerateImages.as_view(), name="generate-images"),
    re_path(r"^show-images/?$", generate_images.ShowImages.as_view(), name="show-images"),
    re_path(r"^healthz/?$", health.healthz, name="healthz"),
    re_path(r"^readyz/?$", health.readyz, name="readyz"),
]
