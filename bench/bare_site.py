"""The yardstick of a POST: a bare DRF view that inserts the same rows into the same database, and tells nobody.

Its settings; the view is in bare_urls.py.
"""

from chaotix.settings import *  # noqa: F403

ROOT_URLCONF = "bench.bare_urls"
# What django-allauth refuses to be without, and which does next to nothing.
MIDDLEWARE = ["allauth.account.middleware.AccountMiddleware"]
