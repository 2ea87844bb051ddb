"""Celery's way to Redis, with two faults of kombu's mended."""

from functools import partialmethod
from typing import Any

import kombu
from celery.app import amqp
from kombu.transport import redis, virtual
from redis.exceptions import RedisError

LONGEST_WAIT_SECONDS = 4


class QoS(redis.QoS):
    """Counts a message as done even where Redis could not be told.

    kombu forgets to: each call that ends while Redis is away takes one thread out of work until the process ends. Nothing is
    lost by it, because messages are hints here, and a hint that Redis gives out again is refused by the claim.
    """

    def ack(self, delivery_tag: Any) -> None:
        try:
            super().ack(delivery_tag)
        except RedisError:
            virtual.QoS.ack(self, delivery_tag)
            raise


class Channel(redis.Channel):
    QoS = QoS


class Transport(redis.Transport):
    Channel = Channel


class Connection(kombu.Connection):
    """Knocks again every few seconds for as long as Redis is away.

    kombu waits two seconds longer each time, up to 30: after a minute and a half without Redis, work would not go on until
    20 s after it is back.
    """

    ensure_connection = partialmethod(kombu.Connection.ensure_connection, interval_max=LONGEST_WAIT_SECONDS)


class AMQP(amqp.AMQP):
    Connection = Connection
