"""A plot of figures beside their targets, as SVG: bars that end before the line are good."""

from collections.abc import Sequence
from html import escape

from bench.figures import Figure

ROW, LEFT, WIDTH, LONGEST = 26, 620, 1000, 1.6
FONT = 'font-family="sans-serif" font-size="12"'
GOOD, BAD = "#2a7d5f", "#b3402a"


def draw(figures: Sequence[Figure]) -> str:
    """Return the plot of those figures that have a target."""
    shown = [figure for figure in figures if figure.target]
    height = ROW * (len(shown) + 2)
    line = LEFT + (WIDTH - LEFT) / LONGEST
    rows = [_row(figure, place) for place, figure in enumerate(shown, start=1)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {FONT}>',
            f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
            *rows,
            f'<path d="M{line:.0f} {ROW // 2}V{height - ROW}" stroke="#222" stroke-dasharray="4 3"/>',
            f'<text x="{line:.0f}" y="{height - 8}" text-anchor="middle">what it may be</text>',
            "</svg>\n",
        ]
    )


def _row(figure: Figure, place: int) -> str:
    share = _share(figure)
    top, length = ROW * place - ROW // 2, min(share, LONGEST) / LONGEST * (WIDTH - LEFT)
    name = figure.name if len(figure.name) < 100 else figure.name[:99] + "…"
    return (
        f'<text x="{LEFT - 8}" y="{top + 15}" text-anchor="end">{escape(name)}</text>'
        f'<rect x="{LEFT}" y="{top + 3}" width="{length:.1f}" height="{ROW - 8}" fill="{GOOD if figure.is_met else BAD}"/>'
        f'<text x="{LEFT + 6}" y="{top + 15}" fill="#fff">{share:.2f}</text>'
    )


def _share(figure: Figure) -> float:
    """Return how much of what it may be a figure is: at most one where it is good."""
    assert figure.target
    return figure.target / figure.value if figure.more_is_better else figure.value / figure.target
