"""REAPER's toolbar icons for our actions, drawn here: `python -m bridge.reaper.toolbar_icons` writes the PNG files.

An icon is one picture of three square cells, left to right: normal, under the mouse, pressed. REAPER takes 90 x 30
pixels from `Data/toolbar_icons`, and the same name at 150 and 200 % from the folders `150` and `200` in it. Shapes are
given in a unit square, y downwards. Knows no REAPER folder.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float64]
Shape = Callable[[Plane, Plane], Plane]  # x, y -> signed distance in units of the cell, negative inside
Point = tuple[float, float]

FOLDER = Path(__file__).resolve().parents[2] / "reaper_scripts" / "toolbar_icons"
SCALES = {"": 30, "150": 45, "200": 60}  # folder: pixels of a cell
CELLS = (((58, 64, 71), (226, 232, 238)), ((78, 88, 98), (255, 255, 255)), ((43, 93, 133), (255, 255, 255)))
ROUNDING, MARGIN = 0.16, 0.04


def disc(x: float, y: float, radius: float) -> Shape:
    """A filled circle."""
    return lambda px, py: np.hypot(px - x, py - y) - radius


def line(begin: Point, end: Point, width: float = 0.1) -> Shape:
    """A stroke with round ends."""
    (ax, ay), (bx, by) = begin, end

    def distance(px: Plane, py: Plane) -> Plane:
        length = (bx - ax) ** 2 + (by - ay) ** 2
        along = np.clip(((px - ax) * (bx - ax) + (py - ay) * (by - ay)) / length, 0.0, 1.0)
        return np.hypot(px - ax - along * (bx - ax), py - ay - along * (by - ay)) - width / 2

    return distance


def polygon(*corners: Point) -> Shape:
    """A filled convex polygon, corners clockwise."""

    def distance(px: Plane, py: Plane) -> Plane:
        edges = []
        for (ax, ay), (bx, by) in zip(corners, (*corners[1:], corners[0]), strict=True):
            length = math.hypot(bx - ax, by - ay)
            edges.append(((by - ay) * (px - ax) - (bx - ax) * (py - ay)) / length)
        outermost: Plane = np.maximum.reduce(edges)
        return outermost

    return distance


def arc(radius: float, begin: float, end: float, width: float = 0.09) -> Shape:
    """A part of a circle around the middle, between two angles in turns, clockwise from the right."""
    steps = [begin + (end - begin) * k / 24 for k in range(25)]
    points = [(0.5 + radius * math.cos(t * math.tau), 0.5 + radius * math.sin(t * math.tau)) for t in steps]
    return union(*(line(a, b, width) for a, b in pairwise(points)))


def union(*shapes: Shape) -> Shape:
    """All of them."""
    return lambda px, py: np.minimum.reduce([shape(px, py) for shape in shapes])


def _bars(heights: Sequence[float], left: float = 0.22, step: float = 0.14) -> Shape:
    return union(*(line((left + step * k, 0.5 - h / 2), (left + step * k, 0.5 + h / 2)) for k, h in enumerate(heights)))


def _square(x: float, y: float, side: float) -> Shape:
    return polygon((x, y), (x + side, y), (x + side, y + side), (x, y + side))


ICONS: dict[str, Shape] = {
    "panel": union(
        *(line((0.22, y), (0.78, y), 0.05) for y in (0.3, 0.5, 0.7)),
        disc(0.36, 0.3, 0.08), disc(0.64, 0.5, 0.08), disc(0.46, 0.7, 0.08),
    ),
    "new_take": _bars((0.16, 0.38, 0.56, 0.32, 0.2)),
    "new_track": union(
        _bars((0.2, 0.46, 0.28)), line((0.62, 0.5), (0.82, 0.5), 0.07), line((0.72, 0.4), (0.72, 0.6), 0.07),
    ),
    "retake": union(arc(0.24, 0.05, 0.82), polygon((0.6, 0.13), (0.78, 0.31), (0.54, 0.36))),
    "previous": union(line((0.3, 0.32), (0.3, 0.68), 0.08), polygon((0.68, 0.28), (0.68, 0.72), (0.36, 0.5))),
    "next": union(line((0.7, 0.32), (0.7, 0.68), 0.08), polygon((0.32, 0.28), (0.64, 0.5), (0.32, 0.72))),
    "compare": union(
        disc(0.33, 0.5, 0.14), line((0.5, 0.26), (0.5, 0.74), 0.05), _square(0.6, 0.37, 0.26),
    ),
    "keep": union(line((0.26, 0.52), (0.44, 0.7), 0.11), line((0.44, 0.7), (0.76, 0.32), 0.11)),
    "reject": union(line((0.3, 0.3), (0.7, 0.7), 0.11), line((0.7, 0.3), (0.3, 0.7), 0.11)),
    "cancel": _square(0.32, 0.32, 0.36),
}  # fmt: skip


def icon(shape: Shape, cell: int) -> bytes:
    """The PNG of an icon whose cells have `cell` pixels a side."""
    middle = (np.arange(cell) + 0.5) / cell
    px, py = np.meshgrid(middle, middle)
    glyph, ground = _coverage(shape(px, py), cell), _coverage(_ground(px, py), cell)
    return png(np.concatenate([_cell(ground, glyph, *colours) for colours in CELLS], axis=1))


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file of (rows, columns, 4) bytes of red, green, blue, opacity. Source: the PNG specification."""
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _ground(px: Plane, py: Plane) -> Plane:
    """A square with rounded corners."""
    inner = 0.5 - MARGIN - ROUNDING
    dx, dy = np.abs(px - 0.5) - inner, np.abs(py - 0.5) - inner
    return np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + np.minimum(np.maximum(dx, dy), 0) - ROUNDING


def _coverage(distance: Plane, cell: int) -> Plane:
    """How much of each pixel is inside, 0 to 1."""
    return np.clip(0.5 - distance * cell, 0.0, 1.0)


def _cell(ground: Plane, glyph: Plane, below: Sequence[int], above: Sequence[int]) -> NDArray[np.uint8]:
    mix = glyph[..., None]
    colour = np.asarray(below) * (1 - mix) + np.asarray(above) * mix
    pixels: NDArray[np.uint8] = np.rint(np.concatenate([colour, ground[..., None] * 255], axis=2)).astype(np.uint8)
    return pixels


def files() -> dict[str, bytes]:
    """Every icon at every scale: path below `toolbar_icons` to PNG."""
    return {
        f"{folder}/acestep_{name}.png".lstrip("/"): icon(shape, cell)
        for name, shape in ICONS.items()
        for folder, cell in SCALES.items()
    }


def main() -> None:
    """Write them all."""
    for name, data in files().items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        print(path.relative_to(FOLDER.parent))


if __name__ == "__main__":
    main()
