"""Stand-ins for OpenAI's image API and for a server that speaks the same, each with a bill of its own, in dollars.

    with OpenAIStandIn() as openai:
        openai.when("a fox", rate_limited(), success())
        ...  # point the product at openai.url, which ends in /v1 like every base address of this API

OpenAI's checks every request against the types of the `openai` package and the limits of OpenAI's document.
By hand: python -m tests.standins.openai --port 9000 --delay 20 --picture-bytes 1800000
"""

import argparse
import json
import threading

from . import openai_compatible, openai_rules
from .deliveries import Reply
from .http_server import Request
from .openai_answers import JSON
from .orders import Objection, Order, whole_reply
from .standin import StandIn

__all__ = ["CompatibleStandIn", "OpenAIStandIn"]


class OpenAIStandIn(StandIn):
    """POST /v1/images/generations, and the list of models, which costs nothing."""

    provider = "openai"
    variable = "OPENAI_BASE_URL"
    models: tuple[str, ...] = openai_rules.MODELS

    def order(self, request: Request) -> Order:
        return openai_rules.order(request, key=self.key)

    def aside(self, request: Request) -> Reply | None:
        if (request.method, request.path) != ("GET", "/v1/models"):
            return None
        try:
            openai_rules.check_key(request, self.key)
        except Objection as objection:
            return objection.reply
        listed = [{"id": name, "object": "model", "created": 1, "owned_by": "system"} for name in self.models]
        return whole_reply(200, JSON, json.dumps({"object": "list", "data": listed}).encode())

    def _serve(self) -> str:
        return f"{super()._serve()}/v1"


class CompatibleStandIn(OpenAIStandIn):
    """A server of somebody else: it takes a seed and a negative prompt, and asks for no key unless it is given one."""

    provider = "openai-compatible"
    variable = "OPENAI_COMPATIBLE_URL"
    models = ("sdxl", "flux")

    def __init__(self, key: str = "", delay: float = 0.0, picture_bytes: int | None = None, *, port: int = 0) -> None:
        super().__init__(key, delay, picture_bytes, port=port)

    def order(self, request: Request) -> Order:
        return openai_compatible.order(request, key=self.key, models=self.models)


def main() -> None:
    """Serve until Ctrl-C, then print the bill."""
    parser = argparse.ArgumentParser(description="A local stand-in for OpenAI's image API.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--key", default="sk-test", help="the key it accepts")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds each picture takes")
    parser.add_argument("--picture-bytes", type=int, help="about how large each PNG is")
    parser.add_argument("--compatible", action="store_true", help="be a server of somebody else")
    options = parser.parse_args()
    kind = CompatibleStandIn if options.compatible else OpenAIStandIn
    with kind(options.key, options.delay, options.picture_bytes, port=options.port) as standin:
        print(standin.url, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(f"\n{len(standin.calls)} calls, {standin.bill:.4f} dollars")


if __name__ == "__main__":
    main()
