"""GET /api/docs: our own API as a page to try it on, without any network."""

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.utils.decorators import method_decorator
from drf_spectacular.views import SpectacularSwaggerSplitView

# For pages that are not ours, and have styles and small pictures inside of them.
with_styles_inside = method_decorator(
    csp_update({"style-src": [SELF, UNSAFE_INLINE], "img-src": [SELF, "data:"]}), name="dispatch"
)


@with_styles_inside
class Docs(SpectacularSwaggerSplitView):
    """Swagger's page, from our own address."""
