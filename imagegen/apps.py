from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class ImagegenConfig(AppConfig):
    name = "imagegen"
    verbose_name = "Pictures"

    def ready(self) -> None:
        from imagegen import checks  # noqa: F401  (registers the system checks)


class Operators(admin_apps.AdminConfig):
    """Django's admin as this product's operators have it."""

    default = False
    default_site = "imagegen.operators.site.OperatorSite"
