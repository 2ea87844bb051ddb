"""The WSGI application, for servers that cannot speak ASGI (pages then poll instead of streaming)."""

from django.core.wsgi import get_wsgi_application

from chaotix import env

env.use_project_settings_module()
application = get_wsgi_application()
