"""Tables in Markdown and plots in SVG of what was measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Chart:
    """Rows of one comparison, the first column being what was run. ``value`` is plotted: as bars, or over ``over`` as
    lines; nothing is, where it is ``None``."""

    name: str
    title: str
    rows: Sequence[Row]
    value: str | None = None
    over: str | None = None
    logarithmic: bool = False

    def table(self) -> str:
        columns = list(self.rows[0])
        lines = [columns, ["---"] * len(columns), *([_text(row[name]) for name in columns] for row in self.rows)]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def plot(self, file: Path, footnote: str) -> None:
        figure, axes = pyplot.subplots(figsize=(8, 4))
        if self.over is None:
            axes.barh([row[""] for row in reversed(self.rows)], [row[self.value] for row in reversed(self.rows)])
            axes.set_xlabel(self.value)
        else:
            for name in dict.fromkeys(row[""] for row in self.rows):
                points = [(row[self.over], row[self.value]) for row in self.rows if row[""] == name]
                axes.plot(*zip(*points, strict=True), marker="o", label=name)
            axes.set_xlabel(self.over)
            axes.set_ylabel(self.value)
            axes.legend()
        if self.logarithmic:
            axes.set_yscale("log")
        axes.set_title(self.title, fontsize=8)
        figure.text(0.01, 0.01, footnote, fontsize=6)
        figure.tight_layout(rect=(0, 0.03, 1, 1))
        figure.savefig(file)
        pyplot.close(figure)


def write(charts: Sequence[Chart], about: Mapping[str, Any], folder: Path) -> None:
    """Write ``results.md``, ``results.json`` and the plots."""
    folder.mkdir(parents=True, exist_ok=True)
    footnote = ", ".join(f"{name} {value}" for name, value in about.items())
    parts = [footnote]
    for chart in charts:
        parts += [f"## {chart.title}", chart.table()]
        if chart.value:
            chart.plot(folder / f"{chart.name}.svg", footnote)
            parts.append(f"![{chart.title}]({chart.name}.svg)")
    (folder / "results.md").write_text("\n\n".join(parts) + "\n")
    (folder / "results.json").write_text(json.dumps({**about, "charts": [asdict(one) for one in charts]}, indent=1))


def _text(value: Any) -> str:
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)
