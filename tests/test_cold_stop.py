"""SIGQUIT ends a worker whatever it does at that moment."""

import subprocess

from imagegen.management.commands.up import _worker
from tests.product import PROJECT, Product


def test_a_signal_that_comes_while_a_job_is_handed_over_ends_the_worker() -> None:
    with Product(WORKER_PROCESSES=0) as product:
        command = [*_worker(1).command, "--include", "tests.chaos.amid_a_submission"]
        [job] = product.generate("A red flying dog", size="64x64")
        worker = subprocess.Popen(command, cwd=PROJECT, env=product.environment, stdin=subprocess.DEVNULL)
        try:
            assert worker.wait(30) == 0
        finally:
            worker.kill()
            worker.wait()
        assert product.images([job])[0]["state"] in ("queued", "succeeded")
