"""The product's settings with a second demo: a job of it can wait for as long as a test needs, and hold up no other.

A third provider, which nobody calls, takes fewer options.
"""

from chaotix.settings import *  # noqa: F403
from chaotix.settings import IMAGE_PROVIDERS

PLUGS = "imagegen.providers"
FEWER = {"host": "http://127.0.0.1:9", "models": ["bare"], "seed": False, "negative_prompt": False}
IMAGE_PROVIDERS = {
    **IMAGE_PROVIDERS,
    "crowded": {"BACKEND": f"{PLUGS}.demo.Demo"},
    "plain": {"BACKEND": f"{PLUGS}.openai.OpenAICompatible", "OPTIONS": FEWER},
}
# People who make accounts in tests are all of one address.
ACCOUNT_RATE_LIMITS = dict.fromkeys(("signup", "login", "reset_password"), "1000/m/ip")
# Their passwords guard nothing, and a good hash is meant to take its time.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
