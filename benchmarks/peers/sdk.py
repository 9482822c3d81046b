"""A peer: the vendor's SDK and a pool of threads, as its README and the standard library's would have one write it.

    python sdk.py JOBS.csv THREADS POLL_INTERVAL_S

The address and the key come from the environment, retries are the SDK's own (two).
"""

from __future__ import annotations

import csv
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chamelaion import APIError, Chamelaion


def main() -> None:
    file, threads, poll_interval_s = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    with Path(file).open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    client = Chamelaion()

    def dub(row: dict[str, str]) -> None:
        try:
            sent = client.lipsync.generate(
                inputs=[{"type": "video", "url": row["video"]}, {"type": "audio", "url": row["audio"]}],
                reference_id=row["id"],
            )
            while client.lipsync.requests.retrieve(sent.request_id).status not in ("completed", "failed"):
                time.sleep(poll_interval_s)
        except APIError as error:
            print(f"{row['id']}: {error}", file=sys.stderr)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(dub, rows))


if __name__ == "__main__":
    main()
