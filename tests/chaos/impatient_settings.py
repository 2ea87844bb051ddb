"""The product's settings, but a hint that is not acknowledged within a second is given to another worker.

The product itself has no hint given out twice by the broker; whoever switches that on must not pay for it.
"""

from chaotix.settings import *  # noqa: F403
from chaotix.settings import CELERY_BROKER_TRANSPORT_OPTIONS

CELERY_BROKER_TRANSPORT_OPTIONS = {
    **CELERY_BROKER_TRANSPORT_OPTIONS,
    "ack_emulation": True,
    "visibility_timeout": 1,
    # Look for such hints every second; kombu looks every hundred.
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
}
