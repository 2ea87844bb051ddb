"""The Celery application: `celery -A chaotix worker` starts a worker with the right pool."""

import warnings
from typing import Any

from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import setup_logging

from chaotix import env

# The warning about running as root is about pickled messages; only JSON is accepted here.
warnings.filterwarnings("ignore", category=SecurityWarning)

env.use_project_settings_module()
env.leave_out_celerys_checks()
app = Celery("chaotix", amqp="chaotix.broker:AMQP")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _leave_the_log_alone(**_: Any) -> None:
    """Keep Celery from setting a format and a level of its own: LOG_LEVEL and LOG_FORMAT hold in workers, too."""
