"""The service's links lead where they should not: nothing is fetched from there, and nothing is lost by it."""

from __future__ import annotations

import json
from typing import Any

HOSTILE = {
    "file": "file:///etc/passwd",
    "plain": "http://169.254.169.254/meta-data\x1b]8;;http://evil.example\x07/?token=SECRET",
    "login": "http://maria:SECRET@127.0.0.1:9/o.mp4",
    "long": "http://127.0.0.1:9/" + "a" * 100_000,
}


def test_a_link_that_leads_astray_is_refused_and_the_output_comes_home_later_unbilled(shell: Any, twisted: Any) -> None:
    """The job says why; as soon as the link is good, a run fetches the output and sends nothing."""
    shell.write_jobs(*HOSTILE)

    def astray(kind: str, answer: dict[str, Any]) -> dict[str, Any]:
        for request in answer.get("data", [answer]):
            if request.get("output_url"):
                request["output_url"] = HOSTILE[request["reference_id"].partition("-")[0]]
        return answer

    good, twisted.edit = twisted.edit, astray
    astray_run = shell("run", "batch.csv", "--concurrency", "8")
    left = sorted(path.name for path in (shell.folder / "batch-dubs").iterdir())
    twisted.edit = good
    good_run = shell("run", "batch.csv")

    assert (astray_run.returncode, good_run.returncode) == (9, 0)
    for job in HOSTILE:
        assert f"{job}: not fetched now: the link to the output" in astray_run.stderr
    assert "it is paid for and stays at the service" in astray_run.stderr
    assert left == ["report.csv", "report.json"]
    assert "SECRET" not in astray_run.stderr
    assert "\x1b" not in astray_run.stderr
    assert max(map(len, astray_run.stderr.splitlines())) < 2_000
    report = json.loads((shell.folder / "batch-dubs" / "report.json").read_text(encoding="utf-8"))
    assert report["totals"]["downloaded"] == len(HOSTILE)
    assert set(twisted.sandbox.books.bills().values()) == {1}
    assert len(twisted.sandbox.books.requests) == len(HOSTILE)
