"""Records a command in a terminal as a picture that moves, for the docs.

    python docs/images/record.py docs/images/run.svg dubbatch run manifests/demo.yaml --sandbox

The command runs in a pseudo-terminal of its own; pyte, a terminal emulator, says what stands on its screen. Each screen
that differs from the one before is a frame, shown as long as it stood there (at most ``LONGEST_S``), and the last one
is shown longest. The film repeats itself; a viewer that moves nothing shows the last frame.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pexpect
import pyte

COLUMNS, ROWS = 92, 8
#: Screens that stood for a shorter time are passed over, and longer ones are not waited for.
SHORTEST_S, LONGEST_S, LAST_S = 0.3, 1.2, 6.0
CELL_PX, LINE_PX, FONT_PX, MARGIN_PX = 8.43, 19, 14, 14
INK, PAPER = "#d8dee9", "#20242c"
COLOURS = {"green": "#a3be8c", "red": "#f07178", "magenta": "#c792ea", "cyan": "#88c0d0", "brown": "#ebcb8b"}

Line = tuple[tuple[str, str], ...]


class Frame(NamedTuple):
    """A screen as runs of text with their colours, and how long it stood there."""

    lines: tuple[Line, ...]
    seconds: float


def main(picture: Path, command: list[str]) -> None:
    frames = list(_calm(_film(command)))
    picture.write_text(_drawn(frames, f"$ {' '.join(command)}"), encoding="utf-8")
    print(f"{picture}: {len(frames)} frames, {sum(frame.seconds for frame in frames):.0f} s")  # noqa: T201


def _film(command: list[str]) -> Iterator[Frame]:
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.Stream(screen)
    child = pexpect.spawn(
        command[0],
        command[1:],
        dimensions=(ROWS, COLUMNS),
        encoding="utf-8",
        env={**os.environ, "TERM": "xterm-256color"},
    )
    lines, since = _lines(screen), time.monotonic()
    while True:
        try:
            stream.feed(child.read_nonblocking(65_536, timeout=0.05))
        except pexpect.TIMEOUT:
            pass
        except pexpect.EOF:
            break
        now = time.monotonic()
        if _lines(screen) != lines:
            yield Frame(lines, now - since)
            lines, since = _lines(screen), now
    yield Frame(_lines(screen), LAST_S)


def _calm(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Without what flickers by, and without waiting."""
    for frame in frames:
        if frame.seconds >= SHORTEST_S and any(frame.lines):
            yield frame if frame.seconds == LAST_S else frame._replace(seconds=min(frame.seconds, LONGEST_S))


def _lines(screen: Any) -> tuple[Line, ...]:
    return tuple(_runs(screen.buffer[row], screen.columns) for row in range(screen.lines))


def _runs(cells: Any, columns: int) -> Line:
    runs = []
    for colour, group in groupby((cells[column] for column in range(columns)), key=lambda cell: cell.fg):
        runs.append((str(colour), "".join(cell.data for cell in group)))
    while runs and not runs[-1][1].strip():
        runs.pop()
    return tuple(runs)


def _drawn(frames: list[Frame], title: str) -> str:
    width = COLUMNS * CELL_PX + 2 * MARGIN_PX
    height = (ROWS + 1) * LINE_PX + 2 * MARGIN_PX
    total_s = sum(frame.seconds for frame in frames)
    style = f"text{{font:{FONT_PX}px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre}}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{style}</style>",
        f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>',
        _text(0, [("green", title)]),
    ]
    begin_s = 0.0
    for number, frame in enumerate(frames):
        is_last = number == len(frames) - 1
        parts.append(f'<g visibility="{"visible" if is_last else "hidden"}">')
        parts.append(_shown(begin_s / total_s, (begin_s + frame.seconds) / total_s, total_s))
        parts += [_text(row + 1, line) for row, line in enumerate(frame.lines) if line]
        parts.append("</g>")
        begin_s += frame.seconds
    return "\n".join([*parts, "</svg>", ""])


def _shown(begin: float, end: float, total_s: float) -> str:
    """From one part of the film to another, again and again."""
    times, values = f"0;{begin:.4f};{min(end, 1):.4f}", "hidden;visible;hidden"
    if begin <= 0:
        times, values = f"0;{end:.4f}", "visible;hidden"
    return (
        f'<animate attributeName="visibility" dur="{total_s:.2f}s" repeatCount="indefinite" calcMode="discrete" '
        f'keyTimes="{times}" values="{values}"/>'
    )


def _text(row: int, runs: Any) -> str:
    spans, column = [], 0
    for colour, text in runs:
        if text.strip():
            x = MARGIN_PX + column * CELL_PX
            ink = f' fill="{COLOURS[colour]}"' if colour in COLOURS else _hex(colour)
            spans.append(f'<tspan x="{x:.1f}" textLength="{len(text) * CELL_PX:.1f}"{ink}>{escape(text)}</tspan>')
        column += len(text)
    return f'<text xml:space="preserve" y="{MARGIN_PX + row * LINE_PX + FONT_PX}" fill="{INK}">{"".join(spans)}</text>'


def _hex(colour: str) -> str:
    return f' fill="#{colour}"' if len(colour) == 6 and colour != "default" else ""


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
