"""Drawing with numpy: every shape is a signed distance field, in pixels, negative inside, so that edges are smooth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 640, 360

Field = NDArray[np.float32]
#: Height x width x (red, green, blue), 0 to 255; light may go beyond until it is written.
Image = NDArray[np.float32]
Point = tuple[float, float]
Colour = tuple[int, int, int]

X, Y = np.meshgrid(np.arange(WIDTH, dtype=np.float32) + 0.5, np.arange(HEIGHT, dtype=np.float32) + 0.5)


@dataclass(frozen=True)
class Shape:
    """A signed distance field, and the box (left, top, right, bottom) beyond which it need not be drawn."""

    box: tuple[float, float, float, float]
    distance: Callable[[Field, Field], Field]


def ellipse(centre: Point, rx: float, ry: float, angle: float = 0.0) -> Shape:
    c, s = np.cos(angle), np.sin(angle)

    def away(x: Field, y: Field) -> Field:
        dx, dy = x - centre[0], y - centre[1]
        px, py = dx * c + dy * s, dy * c - dx * s
        near = np.hypot(px / rx, py / ry)
        distance: Field = near * (near - 1) / (np.hypot(px / rx**2, py / ry**2) + 1e-6)
        return distance

    reach = max(rx, ry) if angle else 0.0
    return Shape(_box([centre], max(rx, reach), max(ry, reach)), away)


def line(a: Point, b: Point, radius: float) -> Shape:
    return Shape(_box([a, b], radius, radius), lambda x, y: _from_line(x, y, a, b) - radius)


def polygon(points: list[Point]) -> Shape:
    def distance(x: Field, y: Field) -> Field:
        nearest = np.full_like(x, np.inf)
        inside = np.zeros(x.shape, bool)
        for a, b in zip(points, points[1:] + points[:1], strict=True):
            nearest = np.minimum(nearest, _from_line(x, y, a, b))
            crosses = (a[1] > y) != (b[1] > y)
            inside ^= crosses & (a[0] + (y - a[1]) / ((b[1] - a[1]) or 1e-9) * (b[0] - a[0]) > x)
        return np.where(inside, -nearest, nearest)

    return Shape(_box(points, 0, 0), distance)


def below(height: Callable[[Field], Field]) -> Shape:
    """Everything under a curve that gives a height for each x."""
    return Shape((0, 0, WIDTH, HEIGHT), lambda x, y: height(x) - y)


def _from_line(x: Field, y: Field, a: Point, b: Point) -> Field:
    dx, dy = b[0] - a[0], b[1] - a[1]
    along = np.clip(((x - a[0]) * dx + (y - a[1]) * dy) / (dx * dx + dy * dy), 0, 1)
    return np.hypot(x - a[0] - dx * along, y - a[1] - dy * along)


def _box(points: list[Point], wide: float, high: float) -> tuple[float, float, float, float]:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return (min(xs) - wide, min(ys) - high, max(xs) + wide, max(ys) + high)


def paint(image: Image, shape: Shape, colour: Colour, alpha: float = 1.0, soft: float = 1.0) -> None:
    """Lays a colour over the inside of a shape; ``soft`` is the width of its edge in pixels."""
    left, top, right, bottom = shape.box
    rows = slice(max(0, int(top - soft) - 1), max(0, int(bottom + soft) + 2))
    columns = slice(max(0, int(left - soft) - 1), max(0, int(right + soft) + 2))
    part = image[rows, columns]
    cover = np.clip(0.5 - shape.distance(X[rows, columns], Y[rows, columns]) / soft, 0, 1)[..., None] * np.float32(
        alpha
    )
    part += (np.array(colour, np.float32) - part) * cover


def glow(image: Image, centre: Point, radius: float, colour: Colour, strength: float) -> None:
    """Adds light around a place."""
    along_x = np.exp(-(((X[0] - centre[0]) / radius) ** 2))
    along_y = np.exp(-(((Y[:, 0] - centre[1]) / radius) ** 2))
    image += np.outer(along_y, along_x)[..., None] * np.array(colour, np.float32) * np.float32(strength)


def gradient(stops: list[tuple[float, Colour]]) -> Image:
    """A picture that changes from top to bottom through colours at given heights."""
    heights = [height for height, _ in stops]
    channels = [np.interp(Y, heights, [colour[n] for _, colour in stops]) for n in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def turned(points: list[Point], centre: Point, angle: float) -> list[Point]:
    """Points around the origin, turned and moved to a place."""
    c, s = float(np.cos(angle)), float(np.sin(angle))
    return [(centre[0] + x * c - y * s, centre[1] + x * s + y * c) for x, y in points]
