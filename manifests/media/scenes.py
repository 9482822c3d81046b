"""The two scenes of the demo: each a background, and what moves in front of it at a time in seconds.

``mouth`` is how far the mouth is open, 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from shapes import (
    HEIGHT,
    WIDTH,
    Colour,
    Field,
    Image,
    Point,
    Shape,
    below,
    ellipse,
    glow,
    gradient,
    line,
    paint,
    polygon,
    turned,
)


def face(image: Image, place: Callable[[float, float], Point], skin: Colour, t: float, mouth: float) -> None:
    """A head of 48 pixels around a place: eyes that blink, cheeks, and a mouth that is open by 0 to 1."""
    paint(image, ellipse(place(0, 0), 45, 48), skin)
    for side in (-1, 1):
        paint(image, ellipse(place(side * 26, 12), 9, 6), (232, 120, 100), 0.45, 6)
        closed = t % 2.9 < 0.13
        paint(image, ellipse(place(side * 16, -8), 6.5, 0.9 if closed else 8), (34, 32, 46))
        if not closed:
            paint(image, ellipse(place(side * 16 + 2, -11), 2.2, 2.4), (255, 255, 255))
    paint(image, ellipse(place(0, 5), 6, 5), tuple(int(c * 0.88) for c in skin))  # type: ignore[arg-type]
    opening = 1.6 + 11 * mouth
    paint(image, ellipse(place(0, 24), 13 + 2 * mouth, opening + 1.8), (150, 62, 58))
    paint(image, ellipse(place(0, 24), 11 + 2 * mouth, opening), (74, 22, 30))
    if mouth > 0.25:
        paint(image, ellipse(place(0, 24 + opening * 0.55), 7, opening * 0.4), (214, 96, 92))


def harbor_background() -> Image:
    image = gradient([(0, (54, 66, 120)), (110, (170, 110, 140)), (205, (250, 176, 120)), (360, (250, 176, 120))])
    glow(image, (500, 182), 120, (255, 190, 110), 0.45)
    paint(image, ellipse((500, 182), 34, 34), (255, 236, 190), soft=2)
    paint(image, ellipse((60, 226), 230, 58), (120, 88, 124))
    paint(image, ellipse((300, 236), 190, 40), (138, 98, 126))
    paint(image, polygon([(588, 214), (594, 112), (610, 112), (616, 214)]), (240, 232, 224))
    for top in (130, 166):
        paint(image, polygon([(592, top), (612, top), (613, top + 15), (591, top + 15)]), (200, 66, 62))
    paint(image, polygon([(592, 112), (596, 98), (608, 98), (612, 112)]), (255, 240, 170))
    paint(image, polygon([(590, 98), (602, 86), (614, 98)]), (96, 44, 60))
    paint(image, ellipse((604, 222), 62, 18), (88, 66, 96))
    return image


def harbor(image: Image, t: float, mouth: float) -> None:
    glow(image, (602, 105), 26, (255, 236, 150), 0.5 + 0.5 * np.sin(t * 2.6))
    for x, y, size in ((90, 60, 1.0), (330, 40, 0.8), (560, 66, 0.7)):
        drift = x + 7 * t
        for dx, dy, r in ((-34, 5, 26), (0, 0, 36), (36, 6, 28)):
            paint(
                image,
                ellipse((drift + dx * size, y + dy * size), r * size * 1.5, r * size * 0.42),
                (255, 214, 196),
                0.5,
                8,
            )
    for n, (x, y) in enumerate(((470, 84), (430, 108))):
        wing = 9 * np.sin(t * 7 + n * 2)
        here = (x - 16 * t, y + 4 * np.sin(t + n))
        for side in (-1, 1):
            paint(image, line(here, (here[0] + side * 17, here[1] - 5 - wing), 1.6), (250, 246, 240))
    _sea(image, 212, 3, 120, 0.9, t, (112, 96, 138))
    for n in range(9):
        y = 218 + n * 13
        wide = 28 + 5 * n
        sway = 10 * np.sin(t * 1.7 + n * 1.3)
        paint(image, line((500 - wide + sway, y), (500 + wide + sway, y), 1.4), (255, 214, 150), 0.5, 2)
    _sea(image, 240, 5, 90, -1.2, t, (84, 92, 146), 0.85)
    _boat(image, (236 + 6 * np.sin(t * 0.8), 262 + 6 * np.sin(t * 1.9)), 0.06 * np.sin(t * 1.5 + 0.6), t, mouth)
    _sea(image, 288, 7, 76, 1.6, t, (58, 82, 140), 0.94)
    _sea(image, 322, 8, 104, -1.9, t, (40, 62, 116))


def _sea(
    image: Image, level: float, height: float, length: float, pace: float, t: float, colour: Colour, alpha: float = 1.0
) -> None:
    def crest(x: Field) -> Field:
        swell = np.sin(x / length * 6.28 + pace * t) + 0.4 * np.sin(x / length * 11 - pace * t)
        curve: Field = level + height * swell
        return curve

    paint(image, below(lambda x: crest(x) - 2), (255, 222, 206), 0.35)
    paint(image, below(crest), colour, alpha)


def _boat(image: Image, centre: Point, tilt: float, t: float, mouth: float) -> None:
    def at(x: float, y: float) -> Point:
        return turned([(x, y)], centre, tilt)[0]

    def shape(points: list[Point]) -> Shape:
        return polygon(turned(points, centre, tilt))

    breeze = 4 * float(np.sin(t * 2.2))
    paint(image, line(at(62, 20), at(62, -226), 3.2), (108, 72, 58))
    paint(image, shape([(68, -218), (68, -48), (164 + breeze, -56), (112 + breeze, -140)]), (252, 240, 222))
    paint(image, shape([(68, -100), (68, -76), (145 + breeze, -86), (135 + breeze, -102)]), (214, 90, 80))
    flag = 5 * float(np.sin(t * 6))
    paint(image, shape([(60, -226), (60, -208), (30, -214 + flag)]), (236, 188, 84))
    # The captain stands behind the gunwale, so the hull covers him from the chest down.
    paint(image, shape([(-96, 40), (-84, -30), (-58, -46), (-14, -46), (12, -30), (24, 40)]), (44, 58, 104))
    for y in (-26, -8):
        paint(image, ellipse(at(-36, y), 3, 3), (240, 206, 110))
    nod = 3 * mouth
    head = (-36.0, -88.0 - nod)
    paint(image, ellipse(at(head[0], head[1] + 22), 50, 44), (240, 238, 234))
    face(image, lambda x, y: at(head[0] + x, head[1] + y), (244, 196, 164), t, mouth)
    for side in (-1, 1):
        paint(image, ellipse(at(head[0] + side * 10, head[1] + 14), 12, 5, tilt + side * 0.3), (240, 238, 234))
    paint(
        image, shape([(-82, head[1] - 24), (-76, head[1] - 56), (4, head[1] - 56), (10, head[1] - 24)]), (250, 248, 244)
    )
    paint(
        image, shape([(-84, head[1] - 20), (-82, head[1] - 33), (10, head[1] - 33), (12, head[1] - 20)]), (36, 44, 84)
    )
    paint(image, ellipse(at(-36, head[1] - 42), 8, 7), (236, 188, 84))
    paint(image, shape([(-150, 4), (176, 4), (132, 68), (-112, 68)]), (170, 74, 62))
    paint(image, shape([(-158, -4), (184, -4), (178, 14), (-152, 14)]), (248, 226, 196))
    paint(image, line(at(-140, 34), at(160, 34), 1.5), (128, 50, 46))


_STARS = np.random.default_rng(7).uniform((0, 0, 0), (WIDTH, 190, 6.28), (46, 3))
_SNOW = np.random.default_rng(11).uniform((0, 0, 0.6), (WIDTH, HEIGHT, 1.5), (60, 3))
_HOUSES = ((-20, 150, 168), (112, 120, 196), (218, 140, 152), (470, 110, 178), (566, 110, 204))


def lantern_background() -> Image:
    image = gradient([(0, (14, 20, 52)), (200, (46, 48, 104)), (300, (86, 72, 132)), (360, (86, 72, 132))])
    glow(image, (96, 72), 80, (190, 200, 255), 0.35)
    disc, shadow = ellipse((96, 72), 27, 27), ellipse((107, 66), 23, 23)
    crescent = Shape(disc.box, lambda x, y: np.maximum(disc.distance(x, y), -shadow.distance(x, y)))
    paint(image, crescent, (244, 240, 220), soft=2)
    for left, wide, top in _HOUSES:
        walls: list[Point] = [
            (left, 360),
            (left, top),
            (left + wide / 2, top - 46),
            (left + wide, top),
            (left + wide, 360),
        ]
        paint(image, polygon(walls), (30, 30, 66))
        roof: list[Point] = [(left - 8, top + 4), (left + wide / 2, top - 50), (left + wide + 8, top + 4)]
        for a, b in pairwise(roof):
            paint(image, line(a, b, 4), (214, 222, 244))
        for row in range(2):
            for column in range(3):
                x, y = left + wide * (0.2 + 0.3 * column), top + 26 + 44 * row
                lit = (column + row + left) % 3 != 0
                frame: list[Point] = [(x - 9, y - 13), (x + 9, y - 13), (x + 9, y + 13), (x - 9, y + 13)]
                paint(image, polygon(frame), (250, 204, 116) if lit else (50, 52, 96))
                paint(image, line((x, y - 13), (x, y + 13), 1), (30, 30, 66))
    paint(image, below(lambda x: 316 + 8 * np.sin(x / 90)), (206, 214, 240))
    paint(image, below(lambda x: 338 + 6 * np.sin(x / 60 + 2)), (228, 234, 250))
    return image


def lantern(image: Image, t: float, mouth: float) -> None:
    for x, y, phase in _STARS:
        paint(image, ellipse((x, y), 1.3, 1.3), (255, 255, 240), 0.45 + 0.4 * float(np.sin(t * 2 + phase)))
    for n, (x, y) in enumerate(((214, 150), (556, 120), (414, 210), (470, 60))):
        here = (x + 9 * float(np.sin(t * 0.9 + n)), y - 11 * t + 20)
        glow(image, here, 30, (255, 150, 60), 0.35)
        body = turned([(-9, -13), (9, -13), (7, 12), (-7, 12)], here, 0.08 * float(np.sin(t + n)))
        paint(image, polygon(body), (255, 186, 96))
    sway = float(np.sin(t * 2.1))
    _storyteller(image, (380, 214 + 2 * float(np.sin(t * 1.6))), t, mouth)
    _held_lantern(image, (246, 214), 0.16 * sway, 1 + 0.08 * float(np.sin(t * 13)) * float(np.sin(t * 5.3)))
    for x, y, size in _SNOW:
        fall = (y + (26 + 22 * size) * t) % HEIGHT
        drift = (x + 12 * float(np.sin(t * 1.2 + y)) + 6 * t) % WIDTH
        paint(image, ellipse((drift, fall), 1.9 * size, 1.9 * size), (255, 255, 255), 0.85, 1.6)


def _storyteller(image: Image, centre: Point, t: float, mouth: float) -> None:
    def at(x: float, y: float) -> Point:
        return (centre[0] + x, centre[1] + y)

    lift = -2 * mouth
    paint(image, polygon([at(-78, 160), at(-66, 62), at(-30, 44), at(30, 44), at(66, 62), at(78, 160)]), (32, 112, 118))
    paint(image, line(at(-58, 72), at(-96, 92), 19), (28, 100, 108))
    paint(image, line(at(-96, 92), at(-128, 6), 16), (32, 112, 118))
    paint(image, ellipse(at(-133, -10), 13, 13), (196, 74, 74))
    paint(image, line(at(0, 78), at(0, 160), 1.6), (22, 80, 86))
    paint(image, ellipse(at(0, lift - 2), 60, 64), (70, 42, 40))
    face(image, lambda x, y: at(x, y + lift), (238, 190, 158), t, mouth)
    cap = ellipse(at(0, lift - 14), 57, 52)
    brim = centre[1] + lift - 26
    paint(image, Shape(cap.box, lambda x, y: np.maximum(cap.distance(x, y), y - brim)), (196, 74, 74))
    paint(image, line(at(-50, lift - 26), at(50, lift - 26), 9), (240, 232, 224))
    paint(image, ellipse(at(0, lift - 70), 14, 14), (240, 232, 224))
    paint(image, line(at(-40, 54), at(40, 54), 14), (220, 150, 70))
    paint(image, polygon([at(16, 54), at(40, 54), at(46, 116), at(22, 118)]), (206, 134, 58))


def _held_lantern(image: Image, hand: Point, angle: float, flame: float) -> None:
    def at(x: float, y: float) -> Point:
        return turned([(x, y)], hand, angle)[0]

    def shape(points: list[Point]) -> Shape:
        return polygon(turned(points, hand, angle))

    glow(image, at(0, 58), 150, (255, 150, 60), 0.36 * flame)
    glow(image, at(0, 58), 60, (255, 190, 90), 0.32 * flame)
    paint(image, line(at(0, 0), at(0, 24), 2), (60, 44, 40))
    paint(image, shape([(-24, 36), (0, 20), (24, 36)]), (84, 58, 46))
    paint(image, shape([(-21, 36), (21, 36), (18, 82), (-18, 82)]), (255, 214, 130))
    paint(image, ellipse(at(0, 64), 7 * flame, 14 * flame), (255, 250, 220), soft=3)
    for x in (-20, 0, 20):
        paint(image, line(at(x, 36), at(x * 0.88, 82), 1.6), (84, 58, 46))
    paint(image, shape([(-22, 80), (22, 80), (20, 90), (-20, 90)]), (84, 58, 46))
