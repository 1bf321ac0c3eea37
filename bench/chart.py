"""The chart of a report as SVG by hand: one block of bars for each work, readable on a light and on a dark page."""

from collections.abc import Iterator, Sequence
from html import escape

from bench.apps import SERVICE
from bench.rounds import Line

_WIDTH = 860
_LABELS = 285
_FIGURES = 90
_BAR = 16
_STEP = 22
_HEAD = 34
_TOP = 56
_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .page { fill: #ffffff }
  .title { font-size: 16px; font-weight: 600 }
  .work { font-weight: 600 }
  .figure { font-variant-numeric: tabular-nums }
  .ours { fill: #0969da }
  .other { fill: #afb8c1 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .page { fill: #0d1117 }
    .ours { fill: #58a6ff }
    .other { fill: #57606a }
  }
"""


def draw(lines: Sequence[Line]) -> str:
    """CPU time a request of every application, work by work: each block has a scale of its own, from zero."""
    works = list(dict.fromkeys(line.work.name for line in lines))
    blocks, top = list[str](), _TOP
    for name in works:
        block = [line for line in lines if line.work.name == name]
        blocks += _block(name, block, top)
        top += _HEAD + _STEP * len(block)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top + 10}" width="{_WIDTH}" role="img">',
            "<title>CPU time a request, by work and application</title>",
            f"<style>{_STYLE}</style>",
            f'<rect class="page" width="{_WIDTH}" height="{top + 10}"/>',
            '<text class="title" x="20" y="30">CPU time a request, in microseconds: less is better</text>',
            *blocks,
            "</svg>",
            "",
        ]
    )


def _block(name: str, lines: Sequence[Line], top: int) -> Iterator[str]:
    yield f'<text class="work" x="20" y="{top + 18}">{escape(name)}</text>'
    longest = max((line.server_us for line in lines if line.server_us > 0), default=1.0)
    for number, line in enumerate(lines):
        y = top + _HEAD - 6 + _STEP * number
        length = max(line.server_us / longest * (_WIDTH - _LABELS - _FIGURES), 1.0) if line.server_us > 0 else 0.0
        kind = "ours" if line.app.name.startswith(SERVICE.name) else "other"
        figure = f"{line.server_us:,.0f} µs" if line.server_us > 0 else "not measured"
        yield f'<text x="{_LABELS - 10}" y="{y + 13}" text-anchor="end">{escape(line.app.name)}</text>'
        yield f'<rect class="{kind}" x="{_LABELS}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="2"/>'
        yield f'<text class="figure" x="{_LABELS + length + 8:.1f}" y="{y + 13}">{figure}</text>'
