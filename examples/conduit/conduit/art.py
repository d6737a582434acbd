"""A small landscape for an article that has no picture: the same one for the same slug."""

from __future__ import annotations

import math
import random
from functools import lru_cache
from itertools import pairwise

from markupsafe import Markup

WIDTH, HEIGHT = 320, 200

# Sky above, sky below, sun, then the land from far to near.
PALETTES = (
    ("#f6e7d3", "#f2c9a5", "#e0784f", "#c9926f", "#8f6a5b", "#5a4a4a", "#2f2f38"),
    ("#e8efe6", "#c9dccb", "#f0b667", "#9dbba1", "#6b9079", "#3f6654", "#1f3d33"),
    ("#e9eef5", "#c2d3e6", "#f4d9a0", "#93aecb", "#6484a6", "#3d5a7c", "#203550"),
    ("#f7e4e1", "#ecbfbf", "#fbe9c6", "#cf9096", "#a3626f", "#6d3e4f", "#3b2433"),
    ("#efe9dc", "#d9cfae", "#c8663f", "#b3a878", "#857f55", "#57583d", "#30352a"),
    ("#e3edf0", "#a9cdd3", "#f6c28b", "#73a9b0", "#44808a", "#285a65", "#143640"),
    ("#efe6f2", "#cdb9da", "#f3c7a6", "#a68bb8", "#7a6193", "#523f6b", "#2b2340"),
    ("#f4efe3", "#e6d3a3", "#f4f0e6", "#c7a456", "#94753a", "#5f4d2c", "#33301f"),
    ("#29324a", "#4b4f74", "#f2e3b6", "#3e4266", "#2f3454", "#222742", "#151a2e"),
    ("#e6eceb", "#b9c9c6", "#d9826b", "#8da5a1", "#5f7b78", "#3b5555", "#1d3134"),
)


@lru_cache(maxsize=512)
def landscape(slug: str) -> Markup:
    """An inline SVG, decorative only. It uses attributes and no styles, as the policy asks."""
    chance = random.Random(slug)
    top, bottom, sun, *land = chance.choice(PALETTES)
    name = f"sky{chance.randrange(16**8):08x}"
    parts = [
        f'<svg class="art" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="xMidYMid slice"'
        ' aria-hidden="true" focusable="false">'
        f'<linearGradient id="{name}" x1="0" y1="0" x2="0" y2="1">'
        f'<stop stop-color="{top}"/><stop offset="1" stop-color="{bottom}"/></linearGradient>'
        f'<path fill="url(#{name})" d="M0 0H{WIDTH}V{HEIGHT}H0z"/>',
        _sun(chance, sun),
    ]
    draw = chance.choice((_hills, _hills, _peaks, _shore))
    parts += [
        f'<path fill="{color}" d="{draw(chance, depth)}"/>' for depth, color in enumerate(land)
    ]
    return Markup("".join(parts) + "</svg>")


def _sun(chance: random.Random, color: str) -> str:
    x, y = chance.randint(70, WIDTH - 70), chance.randint(64, 98)
    return f'<circle cx="{x}" cy="{y}" r="{chance.randint(17, 34)}" fill="{color}"/>'


def _horizon(depth: int) -> float:
    return 88 + depth * 21


def _hills(chance: random.Random, depth: int) -> str:
    phase, waves = chance.uniform(0, math.tau), chance.uniform(0.6, 1.7)
    height = chance.uniform(9, 21)
    points = [
        (x, _horizon(depth) + height * math.sin(phase + waves * math.tau * x / WIDTH))
        for x in range(0, WIDTH + 1, 20)
    ]
    # Quadratic curves through the middles of neighbouring points: smooth with few numbers.
    path = f"M0 {HEIGHT}V{points[0][1]:.1f}"
    for (x, y), (following_x, following_y) in pairwise(points):
        path += f"Q{x} {y:.1f} {(x + following_x) / 2:.1f} {(y + following_y) / 2:.1f}"
    return f"{path}L{WIDTH} {points[-1][1]:.1f}V{HEIGHT}z"


def _peaks(chance: random.Random, depth: int) -> str:
    path, x, up = f"M0 {HEIGHT}V{_horizon(depth):.0f}", 0.0, True
    while x < WIDTH:
        x += chance.uniform(22, 58)
        offset = chance.uniform(10, 34) if up else chance.uniform(-12, 6)
        path += f"L{x:.0f} {_horizon(depth) + 8 - offset:.0f}"
        up = not up
    return f"{path}V{HEIGHT}z"


def _shore(chance: random.Random, depth: int) -> str:
    left = _horizon(depth) + chance.uniform(-14, 14)
    right = _horizon(depth) + chance.uniform(-14, 14)
    bend = chance.uniform(-26, 26)
    return (
        f"M0 {HEIGHT}V{left:.0f}C{WIDTH * 0.3:.0f} {left + bend:.0f} {WIDTH * 0.65:.0f}"
        f" {right - bend:.0f} {WIDTH} {right:.0f}V{HEIGHT}z"
    )
