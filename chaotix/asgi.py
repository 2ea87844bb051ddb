"""The ASGI application that uvicorn serves."""

from django.core.asgi import get_asgi_application

from chaotix import env

env.use_project_settings_module()
django_application = get_asgi_application()

from imagegen.web.body_limit import BodyLimit  # noqa: E402  (needs the app registry)
from imagegen.web.request_log import RequestLog  # noqa: E402

application = RequestLog(BodyLimit(django_application))
