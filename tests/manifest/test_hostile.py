"""Whatever a file holds, loading ends in jobs, in problems, or in a ManifestError: never in a traceback."""

from __future__ import annotations

import csv
import io
import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from dubbatch.errors import ManifestError
from dubbatch.manifest import load, read_head
from dubbatch.manifest.headers import KNOWN

YAML_BITS = st.sampled_from(
    ["jobs:", "version: 1", "video", "audio", ": ", "- ", "\n", "  ", "[", "]", "{", "}", "&a ", "*a", "<<: ", "!!set ",
     "'", '"', "|", ">", "#", "?", "\t", "---", "%", "@", ",", "x", "é", "\x00", "\u2028", '"\\ud800"', "~"]
)  # fmt: skip
CELLS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["x", "no", "media", "..", "/", "https://x.example/a.mp4", "https://[", "s3://a", "file:", "a.mp4"]
    ),
)


def load_bytes(data: bytes, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "list").with_suffix(suffix)
        path.write_bytes(data)
        for read in (read_head, lambda path: load(path, batch="b", output_template="{language}/{note}/{id}.mp4")):
            with suppress(ManifestError):
                read(path)


@given(st.binary(max_size=200))
@example(b"\xff\xfe\x00\xd8\x00")
@example(b"\xef\xbb\xbf\xff")
def test_any_bytes_end_well(data: bytes) -> None:
    """Files get cut, mixed up and mailed around."""
    load_bytes(data, ".csv")
    load_bytes(data, ".yaml")


@given(st.lists(YAML_BITS, max_size=30).map("".join))
def test_any_yaml_ends_well(text: str) -> None:
    """Also what is nearly a manifest."""
    load_bytes(text.encode(), ".yaml")
    load_bytes(f"version: 1\njobs:\n- video: {text}".encode(), ".yaml")


@given(st.lists(st.fixed_dictionaries(dict.fromkeys((*KNOWN, "audio_de", "note"), CELLS)), max_size=4))
def test_any_cells_end_well(rows: list[dict[str, str]]) -> None:
    """Also where every column holds what another should."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [*KNOWN, "audio_de", "note"], quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    load_bytes(text.getvalue().encode("utf-8", errors="replace"), ".csv")
