"""Where a worker's time goes: a flame graph of the functions that hold Python's lock while pictures are drawn."""

import subprocess
import sys
from pathlib import Path

from bench.figures import Figure
from bench.ground import draw, ground
from bench.processes import parts
from bench.provider import Provider
from tests.product import PROJECT

GRAPH = Path(__file__).parent / "flame.svg"
AT_ONCE, CALLS = 50, 600
SECONDS, SAMPLES = 8, 300


def measure(_: int) -> list[Figure]:
    """Write the graph; there is no figure to it."""
    with ground(Provider(), processes=1, at_once=AT_ONCE) as product:
        draw(product, AT_ONCE)
        [worker] = parts(product, "celery")
        program = str(Path(sys.executable).with_name("py-spy"))
        options = ["--gil", f"--duration={SECONDS}", f"--rate={SAMPLES}", f"--output={GRAPH}", f"--pid={worker.pid}"]
        spy = subprocess.Popen([program, "record", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        draw(product, CALLS)
        assert spy.wait() == 0, "py-spy may not look into other processes here"
    # It names the command by which it was made, with the folders of this machine.
    GRAPH.write_text(GRAPH.read_text(encoding="utf-8").replace(f"{PROJECT}/", ""), encoding="utf-8")
    return []
