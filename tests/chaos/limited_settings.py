"""The product's settings with two providers beside the usual ones, and rests that a test can wait for."""

from chaotix.settings import *  # noqa: F403
from chaotix.settings import IMAGE_PROVIDERS

DEMO = "imagegen.providers.demo.Demo"
IMAGE_PROVIDERS = {**IMAGE_PROVIDERS, "slow": {"BACKEND": DEMO, "RATE_LIMIT": (5, 60)}, "fast": {"BACKEND": DEMO}}
REST_SECONDS = 2.0
