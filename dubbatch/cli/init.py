"""``dubbatch init``: from a folder of videos and audio tracks to a manifest."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

import click
from click.shell_completion import CompletionItem

from dubbatch.cli.command import Command
from dubbatch.cli.exit_codes import MANIFEST, OK
from dubbatch.cli.shell import as_typed
from dubbatch.cli.speech import say
from dubbatch.durability import sync_folder
from dubbatch.errors import DiskError, UsageError
from dubbatch.pairing.folder import Found, find_media
from dubbatch.pairing.pairs import Orphan, Pairing, name_flaw, pair
from dubbatch.pairing.writer import check_suffix, render

_NAME = "manifest.yaml"
_LOOKED_FOR = """\
No video with an audio track was found, so nothing was written. A track is called like its video:
  ep1.mp4 with ep1.ja.wav, ep1_pt-BR.mp3 or ja_ep1.wav    the language at one end of the name
  ep1.mp4 with ja/ep1.wav or audio/ja/ep1.wav             the language as the name of a folder
  ep1.mp4 with ep1.wav                                    no language
  ep1_EN_final.mp4 with ep1_DE_final.wav                  the language in the middle of both names
  ep1/master.mp4 with ep1/de.wav or ep1/audio_de.wav      a folder for each video
Videos are .mp4, audio tracks .wav or .mp3."""


_EPILOG = """\b
Examples:
  dubbatch init spring                       writes spring/manifest.yaml
  dubbatch init spring --output spring.xlsx  a sheet, one column a language
  dubbatch init .                            of the folder that you are in
"""


@click.command("init", cls=Command, epilog=_EPILOG)
@click.argument(
    "folder",
    type=click.Path(path_type=Path),
    help="Where the videos and audio tracks are; folders in it are looked through, too.",
    shell_complete=lambda _ctx, _param, incomplete: [CompletionItem(incomplete, "dir")],
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"Where to write the manifest; its suffix says the format: .yaml, .csv or .xlsx.  [default: FOLDER/{_NAME}]",
)
def command(folder: Path, output: Path | None) -> int:
    """Pair the videos of FOLDER with their audio tracks by name, folders in it included, and write a manifest.

    A track is called like its video, with a language: ep1.mp4 with ep1.ja.wav, ja_ep1.wav or ja/ep1.wav.
    What has no partner is listed, on both sides. No file is overwritten, and nothing is sent.
    """
    target = output or folder / _NAME
    _check(folder, target)
    way = _way(folder, target)
    found = find_media(folder)
    pairing = pair(found.media, found.flaws)
    _show_pairs(pairing)
    _show_rest(pairing, found)
    if not pairing.rows:
        for line in _LOOKED_FOR.splitlines():
            say(line)
        return MANIFEST
    _write(target, render(pairing.rows, target, way))
    say(f"Written to {target}. Next: {as_typed(['dubbatch', 'plan', str(target)])}")
    return OK


def _check(folder: Path, target: Path) -> None:
    """Raises UsageError unless the folder is one and the manifest can be written without loss."""
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise UsageError(f"{folder} {what}", hint="name the folder that the videos and audio tracks are in")
    check_suffix(target)
    if os.path.lexists(target):
        raise _exists(target)


def _exists(target: Path) -> UsageError:
    hint = "move it away, or name another file: --output FILE; nothing was written"
    return UsageError(f"{target} exists already, and is not overwritten", hint=hint)


def _way(folder: Path, target: Path) -> str:
    """From the manifest's own folder to the media's; empty: they are one. Raises UsageError."""
    try:
        way = os.path.relpath(folder.resolve(), target.parent.resolve())
    except ValueError:
        # Another drive of Windows.
        way = str(folder.resolve())
    way = Path(way).as_posix()
    if flaw := name_flaw(PurePosixPath(way)):
        raise UsageError(f"no manifest at {target} can name the folder {way}: {flaw.message}", hint="rename it")
    return "" if way == "." else way


def _show_pairs(pairing: Pairing) -> None:
    if not pairing.rows:
        return
    languages = Counter(track.language for row in pairing.rows for track in row.tracks)
    told = ", ".join(f"{count} {language or 'without a language'}" for language, count in sorted(languages.items()))
    say(f"{_counted(len(pairing.rows), 'video')} with {_counted(languages.total(), 'dub')}: {told}.")


def _show_rest(pairing: Pairing, found: Found) -> None:
    """What is not in the manifest, and why."""
    _show_orphans("Videos without an audio track", pairing.videos_without_audio)
    _show_orphans("Audio tracks without a video", pairing.audios_without_video)
    _show_orphans("Tracks in a language that their video has already", pairing.spare)
    if pairing.refused:
        say("Left out:")
    for path, message, remedy in pairing.refused:
        say(f"  {path}: {message}")
        if remedy:
            say(f"      {remedy}")
    _show_orphans("Folders that can't be read", found.closed)
    if pairing.rows and (pairing.videos_without_audio or pairing.audios_without_video):
        say("These are not in the manifest: add a row by hand, or rename the track (`dubbatch init --help` says how).")


def _show_orphans(title: str, orphans: Sequence[Orphan]) -> None:
    if orphans:
        say(f"{title}:")
    for path, reason in orphans:
        say(f"  {path}: {reason}")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _write(target: Path, data: bytes) -> None:
    """A new file appears whole or not at all. Raises DiskError, and UsageError if one is there by now."""
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _publish(part, target)
        sync_folder(target.parent)
    except FileExistsError:
        raise _exists(target) from None
    except OSError as error:
        hint = "make room, make the folder writable, or name another place with --output"
        raise DiskError(f"{target} can't be written: {error.strerror or error}", hint=hint) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _publish(part: Path, target: Path) -> None:
    """Raises FileExistsError where renaming would replace what somebody has written meanwhile."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:
        # A file system without links, such as a memory card's.
        if os.path.lexists(target):
            raise FileExistsError(target) from None
        part.rename(target)
