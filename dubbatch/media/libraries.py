"""The FFmpeg that PyAV has brought along or found."""

from __future__ import annotations


def ffmpeg_versions() -> str:
    """Its version and those of the libraries that media are read with, for a person; or why it can't be loaded."""
    try:
        import av
    except ImportError as error:
        return f"can't be loaded ({error})"
    libraries = av.library_versions
    named = (
        f"{name} {'.'.join(map(str, libraries[name]))}"
        for name in ("libavformat", "libavcodec", "libswresample")
        if name in libraries
    )
    return f"{av.ffmpeg_version_info} ({', '.join(named)})"
