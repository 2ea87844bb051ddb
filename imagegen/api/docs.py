"""GET /api/docs: our own API as a page to try it on, without any network."""

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.utils.decorators import method_decorator
from drf_spectacular.views import SpectacularSwaggerSplitView

# The page is not ours, and has styles and small pictures inside of it.
PAGE_POLICY = {"style-src": [SELF, UNSAFE_INLINE], "img-src": [SELF, "data:"]}


@method_decorator(csp_update(PAGE_POLICY), name="dispatch")
class Docs(SpectacularSwaggerSplitView):
    """Swagger's page, from our own address."""
