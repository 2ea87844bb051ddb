"""Prompt writers as plugs: each is one module that knows nothing of the database, DRF or Celery."""
