"""Every address of the product."""

from django.urls import include, path

urlpatterns = [path("", include("imagegen.api.urls")), path("", include("imagegen.web.urls"))]
