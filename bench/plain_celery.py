"""The yardstick of a worker's memory: a plain Celery task that downloads a picture with requests and writes it.

`celery -A bench.plain_celery worker`, with BENCH_BROKER, BENCH_PROVIDER and BENCH_FOLDER in the environment. Django is set
up, as it is where such a task is part of a site.
"""

import os
import uuid
from pathlib import Path

import django
import requests
from celery import Celery

app = Celery("plain", broker=os.environ["BENCH_BROKER"])
app.conf.task_default_queue = "plain"
app.conf.task_ignore_result = True
django.setup()


@app.task(name="plain.draw")
def draw(prompt: str) -> None:
    form = {"prompt": (None, prompt), "output_format": (None, "png")}
    url = f"{os.environ['BENCH_PROVIDER']}/v2beta/stable-image/generate/core"
    answer = requests.post(url, files=form, timeout=60)
    answer.raise_for_status()
    (Path(os.environ["BENCH_FOLDER"]) / f"{uuid.uuid4()}.png").write_bytes(answer.content)
