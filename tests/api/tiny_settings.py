"""The product's settings with a demo whose pictures cost no time: whoever asks for many by chance gets them."""

from dataclasses import replace

from chaotix.settings import *  # noqa: F403
from imagegen.providers.base import Answer, Handle, ImageRequest, Keep
from imagegen.providers.demo import Demo

MAX_PROMPTS = 5


class Tiny(Demo):
    """Draws as little as it can, whatever size was asked for, and keeps nobody waiting."""

    def send(self, request: ImageRequest, keep: Keep) -> Answer | Handle:
        prompt = request.prompt.replace("[demo:", "[")
        return super().send(replace(request, prompt=prompt, size="64x64", aspect_ratio=""), keep)


IMAGE_PROVIDERS = {"demo": {"BACKEND": "tests.api.tiny_settings.Tiny"}}
