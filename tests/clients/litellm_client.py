"""LiteLLM as it comes: draws what each line asks for, and says what it got."""

import json
import sys
from typing import Any

import litellm
import openai

# It would print its advice between the answers.
litellm.suppress_debug_info = True


def pictures(base_url: str, model: str, **fields: Any) -> dict[str, Any]:
    try:
        made = litellm.image_generation(model=f"openai/{model}", api_base=base_url, api_key="unused", **fields)
    except openai.APIStatusError as error:
        return {"error": {"kind": type(error).__name__, "status": error.status_code, "message": str(error)}}
    return {"pictures": [picture.model_dump() for picture in made.data]}


for line in sys.stdin:
    print(json.dumps(pictures(**json.loads(line))), flush=True)
