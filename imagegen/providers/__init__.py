"""Image providers as plugs: each is one module that knows nothing of the database, DRF or Celery."""
