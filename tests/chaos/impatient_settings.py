"""The product's settings, but a hint that is not acknowledged within a second is given to another worker.

With the product's own patience, a quarter of an hour, a storm would have to last as long.
"""

from chaotix.settings import *  # noqa: F403
from chaotix.settings import CELERY_BROKER_TRANSPORT_OPTIONS

CELERY_BROKER_TRANSPORT_OPTIONS = {
    **CELERY_BROKER_TRANSPORT_OPTIONS,
    "visibility_timeout": 1,
    # Look for such hints every second; kombu looks every hundred.
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
}
