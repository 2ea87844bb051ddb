"""LangChain's wrapper as it comes: draws what each line asks for, and says what it got."""

import json
import sys
from typing import Any

import openai
from langchain_community.utilities.dalle_image_generator import DallEAPIWrapper


def pictures(prompt: str, **options: Any) -> dict[str, Any]:
    try:
        addresses = DallEAPIWrapper(api_key="unused", **options).run(prompt)
    except openai.APIStatusError as error:
        kind = type(error).__name__
        return {"error": {"kind": kind, "status": error.status_code, "code": error.code, "message": error.message}}
    return {"pictures": [{"url": address} for address in addresses.split("\n")]}


for line in sys.stdin:
    print(json.dumps(pictures(**json.loads(line))), flush=True)
