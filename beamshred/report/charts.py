"""Charts as inline SVG, by pygal; without scripts, so that a page needs nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pygal
from markupsafe import Markup
from pygal.style import Style

_STYLE = Style(
    background="transparent", plot_background="transparent", foreground="#33414e", foreground_strong="#33414e",
    foreground_subtle="#8795a1", colors=("#2a78b8", "#e3904b", "#4f9d69"), opacity=".85", opacity_hover="1",
    font_family="inherit", label_font_size=13, major_label_font_size=13, value_font_size=13, value_label_font_size=13,
    legend_font_size=14, tooltip_font_size=13, guide_stroke_color="#d5dce2", major_guide_stroke_color="#d5dce2",
)  # fmt: skip
_COMMON: dict[str, Any] = {
    "style": _STYLE, "js": [], "disable_xml_declaration": True, "show_legend": False, "no_prefix": False,
    "pretty_print": False, "margin": 8,
}  # fmt: skip

_SCRIPT = re.compile("<script.*?</script>", re.DOTALL)
MOST_BARS = 20


def throughput(timeline: Sequence[Mapping[str, float]]) -> Markup | None:
    """Records a second over time: read, and settled (loaded, skipped, replaced or rejected)."""
    if len(timeline) < 3:
        return None
    chart = pygal.XY(
        width=440, height=260, **{**_COMMON, "show_legend": True}, legend_at_bottom=True, show_dots=False, fill=False,
        x_title="seconds", stroke_style={"width": 2}, value_formatter=lambda value: f"{value:,.0f}", min_scale=3,
        x_value_formatter=lambda value: f"{value:,.4g}", range=(0, None), include_x_axis=True,
    )  # fmt: skip
    for name, title in (("read", "records read a second"), ("settled", "records settled a second")):
        chart.add(title, _rates(timeline, name))
    return _svg(chart)


def bars(values: Mapping[str, float], unit: str) -> Markup | None:
    """Horizontal bars, the longest first."""
    shown = [(name, value) for name, value in sorted(values.items(), key=lambda item: -item[1]) if value][:MOST_BARS]
    if not shown:
        return None
    names, numbers = zip(*reversed(shown), strict=True)
    chart = pygal.HorizontalBar(
        width=440, height=60 + 30 * len(shown), **_COMMON, print_values=True, print_values_position="top",
        value_formatter=lambda value: f"{value:,.4g}{unit}" if unit else f"{value:,.0f}", show_y_guides=False,
        show_x_labels=True, truncate_label=20, show_y_labels=True, x_labels_major_count=4, show_minor_x_labels=False,
    )  # fmt: skip
    chart.x_labels = names
    chart.add("", numbers)
    return _svg(chart)


def _rates(timeline: Sequence[Mapping[str, float]], name: str) -> list[tuple[float, float]]:
    """By differences over a twentieth of the time or more: a second by itself jumps."""
    apart = max((timeline[-1]["seconds"] - timeline[0]["seconds"]) / 20, 0.5)
    rates, before = [(0.0, 0.0)], {"seconds": 0.0, name: 0.0}
    for point in timeline:
        passed = point["seconds"] - before["seconds"]
        if passed >= apart:
            rates.append((point["seconds"], max(point[name] - before[name], 0) / passed))
            before = dict(point)
    return rates


def _svg(chart: Any) -> Markup:
    # The script holds its settings for a library of pygal's that would be loaded. It escapes what it is given.
    return Markup(_SCRIPT.sub("", chart.render(is_unicode=True)))
