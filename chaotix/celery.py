"""The Celery application: `celery -A chaotix worker` starts a worker with the right pool."""

import warnings

from celery import Celery
from celery.exceptions import SecurityWarning
from kombu.transport import TRANSPORT_ALIASES

from chaotix import env

# The warning about running as root is about pickled messages; only JSON is accepted here.
warnings.filterwarnings("ignore", category=SecurityWarning)

# By its name, because kombu takes a socket's transport from the address alone, whatever the settings say.
TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), "chaotix.broker:Transport"))
env.use_project_settings_module()
app = Celery("chaotix", amqp="chaotix.broker:AMQP")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
