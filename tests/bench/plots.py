"""Curves of the benchmarks as SVG files for the documentation."""

from __future__ import annotations

from pathlib import Path

from tests.bench.figures import Series


def draw(series: list[Series], folder: Path) -> None:
    """One file a series, `bench-NAME.svg`; equal curves give equal files."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    mpl.rcParams["svg.hashsalt"] = "acestep-bridge"
    folder.mkdir(parents=True, exist_ok=True)
    for one in series:
        figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
        for label, points in one.curves.items():
            axes.plot([x for x, _ in points], [y for _, y in points], marker="o", label=label)
        axes.set(title=one.title, xlabel=one.x, ylabel=one.y)
        axes.set_ylim(bottom=0)
        if one.log_x:
            axes.set_xscale("log")
            ticks = sorted({x for points in one.curves.values() for x, _ in points})
            axes.set_xticks(ticks, [f"{x:g}" for x in ticks])
            axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
        figure.savefig(folder / f"bench-{one.name}.svg", metadata={"Date": None})
        plt.close(figure)
