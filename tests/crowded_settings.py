"""The product's settings with a second demo: a job of it can wait for as long as a test needs, and hold up no other."""

from chaotix.settings import *  # noqa: F403
from chaotix.settings import IMAGE_PROVIDERS

IMAGE_PROVIDERS = {**IMAGE_PROVIDERS, "crowded": {"BACKEND": "imagegen.providers.demo.Demo"}}
