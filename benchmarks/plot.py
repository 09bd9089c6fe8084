"""Draws bars on a logarithmic scale as an SVG that is read on a light page and on a dark one."""

from __future__ import annotations

import math
from html import escape
from typing import Dict, List

LABELS, BARS, ROW, TOP = 330, 420, 24, 40
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600 } .scale { fill: #656d76 }
line { stroke: #d0d7de } .bar { fill: #8c959f } .ours { fill: #0969da }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .scale { fill: #8d96a0 } line { stroke: #30363d }
  .bar { fill: #6e7681 } .ours { fill: #4493f8 }
}"""


def bars(values: Dict[str, float], /, *, title: str, ours: str) -> str:
    """Return a picture of values from 1 up, the smallest first; those whose name begins with `ours` stand out."""
    decades = math.ceil(math.log10(max(values.values())))
    height = TOP + ROW * len(values) + 30
    width = LABELS + BARS + 70
    lines: List[str] = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<text class="title" x="10" y="20">{escape(title)}</text>',
    ]
    for decade in range(decades + 1):
        x = LABELS + BARS * decade / decades
        lines.append(f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{TOP - 6}" y2="{height - 24}"/>')
        lines.append(f'<text class="scale" text-anchor="middle" x="{x:.0f}" y="{height - 8}">{10**decade:,}</text>')
    for row, (name, value) in enumerate(sorted(values.items(), key=lambda item: item[1])):
        y, length = TOP + ROW * row, max(2.0, BARS * math.log10(max(value, 1)) / decades)
        kind = "bar ours" if name.startswith(ours) else "bar"
        number = f"{value:.1f}" if value < 10 else f"{value:,.0f}"  # noqa: PLR2004  two digits tell enough
        lines += [
            f'<text text-anchor="end" x="{LABELS - 8}" y="{y + 13}">{escape(name)}</text>',
            f'<rect class="{kind}" x="{LABELS}" y="{y}" width="{length:.1f}" height="{ROW - 7}"/>',
            f'<text x="{LABELS + length + 6:.0f}" y="{y + 13}">{number}</text>',
        ]
    return "\n".join([*lines, "</svg>"]) + "\n"
