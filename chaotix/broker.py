"""Celery's way to Redis, with a fault of kombu's mended."""

from functools import partialmethod

import kombu
from celery.app import amqp

LONGEST_WAIT_SECONDS = 4


class Connection(kombu.Connection):
    """Knocks again every few seconds for as long as Redis is away.

    kombu waits two seconds longer each time, up to 30: after a minute and a half without Redis, work would not go on until
    20 s after it is back.
    """

    ensure_connection = partialmethod(kombu.Connection.ensure_connection, interval_max=LONGEST_WAIT_SECONDS)


class AMQP(amqp.AMQP):
    Connection = Connection
