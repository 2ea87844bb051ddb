"""The Django project: wiring only. Behaviour lives in `imagegen`."""

from chaotix.celery import app as celery_app

__all__ = ["celery_app"]
