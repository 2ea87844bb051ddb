"""The Celery application: `celery -A chaotix worker` starts a worker with the right pool."""

import warnings

from celery import Celery
from celery.exceptions import SecurityWarning

from chaotix import env

# The warning about running as root is about pickled messages; only JSON is accepted here.
warnings.filterwarnings("ignore", category=SecurityWarning)

env.use_project_settings_module()
app = Celery("chaotix", amqp="chaotix.broker:AMQP")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
