"""The ASGI application that uvicorn serves."""

import django

from chaotix import env

env.use_project_settings_module()
django.setup(set_prefix=False)

from imagegen.web.body_limit import BodyLimit  # noqa: E402  (needs the app registry)
from imagegen.web.one_thread import Handler  # noqa: E402
from imagegen.web.request_log import RequestLog  # noqa: E402

application = RequestLog(BodyLimit(Handler()))
