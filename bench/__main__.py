"""`make bench`: measure everything, or the chapters that are named, and write table and plot beside this file.

Every figure is a ratio to something measured in the same run, or its own target says what it may be: machines differ.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict
from operator import itemgetter
from pathlib import Path

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

from bench import flame, galleries, growth, live_page, local, makespan, memory, open_pages, plot, steps, submit, templates
from bench.figures import Figure

HERE = Path(__file__).parent
RESULTS, TABLE, PLOT = HERE / "results.json", HERE / "RESULTS.md", HERE / "results.svg"
CHAPTERS: dict[str, Callable[[int], list[Figure]]] = {
    "makespan": makespan.measure,
    "submit": submit.measure,
    "pages": open_pages.measure,
    "page": live_page.measure,
    "memory": memory.measure,
    "growth": growth.measure,
    "steps": steps.measure,
    "galleries": galleries.measure,
    "templates": templates.measure,
    "local": local.measure,
    "flame": flame.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chapters", nargs="*", metavar="chapter", help=", ".join(CHAPTERS))
    parser.add_argument("--repeat", type=int, default=5, help="how often to measure what is noisy; the median counts")
    asked = parser.parse_args()
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for name in asked.chapters or CHAPTERS:
        figures = CHAPTERS[name](asked.repeat)
        print(*map(_line, figures), sep="\n", flush=True)
        known[name] = {"machine": _machine(), "on": time.strftime("%Y-%m-%d"), "figures": [asdict(each) for each in figures]}
        RESULTS.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    chapters = {name: [Figure(**each) for each in known[name]["figures"]] for name in CHAPTERS if name in known}
    TABLE.write_text(_table(chapters, known), encoding="utf-8")
    PLOT.write_text(plot.draw([each for figures in chapters.values() for each in figures]), encoding="utf-8")


def _machine() -> str:
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    python = platform.python_version()
    return f"{os.cpu_count()} cores ({platform.machine()}), {gigabytes} GB, {platform.system()}, Python {python}"


def _line(figure: Figure) -> str:
    verdict = "" if figure.target is None else ("  met" if figure.is_met else "  MISSED")
    return f"{figure.name:<110}{_value(figure):>12}  {_target(figure):<8}{verdict}  {figure.beside}"


def _table(chapters: dict[str, list[Figure]], known: dict[str, dict[str, str]]) -> str:
    lines = [
        "# What it costs", "",
        "Written by `make bench`. Provider, broker, database, web server and workers share the machine that is named. Each",
        "figure is the median of its repetitions, beside its yardstick in the same run.", "",
        "![each figure as a share of what it may be](results.svg)", "",
        "[Where a worker's time goes](flame.svg), as a flame graph to open in a browser.",
    ]  # fmt: skip
    for name, figures in filter(itemgetter(1), chapters.items()):
        lines += ["", f"## {name}", "", f"{known[name]['on']}, {known[name]['machine']}", ""]
        lines += ["| figure | measured | target | | beside it |", "|---|---|---|---|---|"]
        lines += [
            f"| {each.name} | {_value(each)} | {_target(each)} | {'' if each.is_met else '**missed**'} | {each.beside} |"
            for each in figures
        ]
    return "\n".join(lines) + "\n"


def _value(figure: Figure) -> str:
    digits = 0 if figure.value >= 100 else 2 if figure.value >= 0.1 else 4
    return f"{figure.value:.{digits}f} {figure.unit}".strip()


def _target(figure: Figure) -> str:
    if figure.target is None:
        return ""
    return f"{'≥' if figure.more_is_better else '≤'} {figure.target:g}"


if __name__ == "__main__":
    main()
