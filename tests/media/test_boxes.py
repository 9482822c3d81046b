"""The box walk tells a whole MP4 from a cut or hostile one, in bounded work."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubbatch.media.boxes import BoxReport, describe_start, inspect_boxes

LAYOUTS = ["", "+faststart", "+frag_keyframe+empty_moov"]


def inspect(data: bytes) -> BoxReport:
    return inspect_boxes(io.BytesIO(data))


def box(kind: bytes, payload: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def boxes_of(data: bytes) -> list[tuple[bytes, int, int]]:
    """Kind, start and end of the top-level boxes of a file that is known to be good."""
    found, start = [], 0
    while start < len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        found.append((kind, start, start + length))
        start += length
    return found


def parts_of(data: bytes) -> dict[bytes, bytes]:
    return {kind: data[start:end] for kind, start, end in boxes_of(data)}


class CountingFile(io.BytesIO):
    """Counts what is read from it."""

    bytes_read = 0
    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.bytes_read += len(data)
        self.reads += 1
        return data


@pytest.mark.parametrize("movflags", LAYOUTS)
def test_a_whole_file_is_whole_whatever_its_layout(clip: Callable[..., bytes], movflags: str) -> None:
    report = inspect(clip(movflags=movflags))

    assert report.whole
    assert report.reason == ""


@pytest.mark.parametrize("movflags", ["", "+faststart"])
def test_the_duration_is_the_index_s_own(clip: Callable[..., bytes], movflags: str) -> None:
    assert inspect(clip(1.5, movflags=movflags)).duration_s == pytest.approx(1.5, abs=0.1)


def test_a_fragmented_file_that_does_not_know_its_duration_has_none(clip: Callable[..., bytes]) -> None:
    assert inspect(clip(movflags="+frag_keyframe+empty_moov")).duration_s is None


@pytest.mark.parametrize("movflags", ["", "+faststart"])
@given(share=st.floats(0, 1, exclude_max=True))
@settings(max_examples=150, deadline=None)
def test_any_proper_prefix_of_a_good_file_is_rejected(clip: Callable[..., bytes], movflags: str, share: float) -> None:
    whole = clip(movflags=movflags)
    report = inspect(whole[: int(len(whole) * share)])

    assert not report.whole
    assert report.reason


@pytest.mark.parametrize("movflags", ["", "+faststart"])
def test_a_cut_at_every_border_and_beside_it_is_rejected(clip: Callable[..., bytes], movflags: str) -> None:
    whole = clip(movflags=movflags)
    borders = [place for _, start, end in boxes_of(whole) for place in (start, end)]
    cuts = {border + by for border in borders for by in (-16, -8, -4, -1, 0, 1, 4, 7, 8, 16)}

    accepted = [cut for cut in cuts if 0 <= cut < len(whole) and inspect(whole[:cut]).whole]

    assert accepted == []


def test_a_fragmented_file_cut_inside_a_fragment_is_rejected(clip: Callable[..., bytes]) -> None:
    whole = clip(movflags="+frag_keyframe+empty_moov")
    first = next(start for kind, start, _ in boxes_of(whole) if kind == b"moof")
    borders = {end for kind, _, end in boxes_of(whole) if kind in (b"mdat", b"mfra")}

    accepted = [cut for cut in range(first + 1, len(whole), 7) if inspect(whole[:cut]).whole]

    # Between two fragments nothing in the boxes shows a cut: there the duration has to.
    assert set(accepted) <= borders


def test_a_cut_says_how_much_of_which_box_is_missing(clip: Callable[..., bytes]) -> None:
    report = inspect(clip(movflags="+faststart")[:-100])

    assert report.reason == "the file is cut: 100 bytes of its mdat box are missing"


def test_a_cut_media_box_of_open_length_is_found_by_the_index(clip: Callable[..., bytes]) -> None:
    whole = bytearray(clip(movflags="+faststart"))
    start = next(start for kind, start, _ in boxes_of(bytes(whole)) if kind == b"mdat")
    whole[start : start + 4] = bytes(4)

    assert inspect(bytes(whole)).whole
    assert "its index promises media up to byte" in inspect(bytes(whole[:-1])).reason


def test_lengths_of_64_bits_are_read(clip: Callable[..., bytes]) -> None:
    parts = parts_of(clip())
    media = parts[b"mdat"][8:]
    # The free box before it has just the eight bytes by which the long head is longer.
    long = struct.pack(">I4sQ", 1, b"mdat", 16 + len(media)) + media
    data = parts[b"ftyp"] + long + parts[b"moov"]

    assert inspect(data).whole
    assert not inspect(data[:-1]).whole


def test_free_and_uuid_boxes_are_stepped_over(clip: Callable[..., bytes]) -> None:
    data = clip() + box(b"free", bytes(100)) + box(b"uuid", bytes(range(64)))

    assert inspect(data).whole


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (bytes(4096), "the file begins with nothing but zeros"),
        (b"<!DOCTYPE html><html><body>Access denied</body></html>", "the file is a web page, not media"),
        (b"\xef\xbb\xbf\n <HTML>no</HTML>", "the file is a web page, not media"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "the file is XML, not media"),
        (b'{"error": "not found"}', "the file is JSON, not media"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "the file is not an MP4 video"),
        (b"\x00\x00\x00", "the file begins with nothing but zeros"),
        (b"\x00\x00\x00\x18ft", "the file is cut: it ends inside the head of a box, at byte 6"),
        (box(b"ftyp", b"isom"), "the file has no index (moov box): its end is missing, or it was never finished"),
        (box(b"ftyp") + box(b"moov"), "the file ends before its media (mdat box)"),
        (box(b"ftyp") + box(b"moov") + box(b"mdat"), "the index lists no tracks"),
        (box(b"ftyp") + struct.pack(">I4s", 7, b"free"), "the file is damaged: the length of the box at byte 8"),
        (box(b"ftyp") + struct.pack(">I4sQ", 1, b"mdat", 15), "the file is damaged: the length of the box at byte 8"),
        (box(b"ftyp") + struct.pack(">I4s", 1, b"mdat"), "the file is cut: it ends inside the head of a box"),
        (box(b"ftyp") + bytes(64), "the file is damaged: there is no box at byte 8"),
        (box(b"ftyp") + box(b"moov", box(b"mvhd")) + box(b"mdat"), "the index is damaged: its mvhd box is too short"),
        (box(b"ftyp") + box(b"moov", b"\x00\x00\xff\xfftrak") + box(b"mdat"), "the index is cut: "),
        (
            box(b"moov") + box(b"moof") + box(b"moof") + box(b"mdat"),
            "the fragment before byte 16 has no media (mdat box)",
        ),
    ],
)
def test_what_is_no_whole_mp4_is_rejected_with_a_reason(data: bytes, reason: str) -> None:
    report = inspect(data)

    assert not report.whole
    assert report.reason.startswith(reason)


def test_a_table_that_claims_more_rows_than_it_has_is_damage(clip: Callable[..., bytes]) -> None:
    data = bytearray(clip())
    place = data.index(b"stco") + 8
    data[place : place + 4] = b"\xff\xff\xff\xff"

    assert inspect(bytes(data)).reason == "the index is damaged: its stco box is too short"


def test_a_row_of_endless_tiny_boxes_is_given_up_soon() -> None:
    file = CountingFile(box(b"free") * 500_000)

    assert "more than 100000 boxes" in inspect_boxes(file).reason
    assert file.reads < 110_000


def test_a_huge_payload_is_stepped_over_unread(clip: Callable[..., bytes]) -> None:
    file = CountingFile(clip() + box(b"free", bytes(50_000_000)))

    assert inspect_boxes(file).whole
    assert file.bytes_read < 100_000


@given(data=st.binary(max_size=300))
def test_no_bytes_whatever_make_the_walk_fail(data: bytes) -> None:
    assert not inspect(data).whole


@given(changes=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=20))
@settings(max_examples=200, deadline=None)
def test_a_damaged_index_never_makes_the_walk_fail(clip: Callable[..., bytes], changes: list[tuple[int, int]]) -> None:
    data = bytearray(clip(movflags="+faststart"))
    for place, value in changes:
        data[place % len(data)] = value

    report = inspect(bytes(data))

    assert report.whole == (not report.reason)


def test_the_start_of_real_media_says_nothing(clip: Callable[..., bytes]) -> None:
    assert describe_start(clip()[:512]) == ""
