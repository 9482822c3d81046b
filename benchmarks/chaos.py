"""Kills dubbatch again and again under a service that errs, and counts what that cost: ``make chaos``.

A batch (uploads, addresses, and one beside the other) is run against the sandbox, which is a
process of its own. Each run dies at a commit, a POST, a rename, or a random moment; between runs
the ledger may get lost, an old copy come back, the manifest get another name or move to another
machine, and the service die too. When all kills are done the batch runs to its end, and the
service's books are compared with the ledger, the reports and the SHA-256 of every output.

    python -m benchmarks.chaos --jobs 1000 --kills 200 --seed 1

Exits with 1 if anything was paid twice, bought over a cap, lost, corrupt, left behind, or told wrong.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.chaos.campaign import Campaign, Plan
from tests.chaos.verdict import Verdict

#: The work that calm costs are taken from: the same, in small, undisturbed.
_CALM_JOBS = 60
#: About what a run that is killed has to send in: the service's rate spreads the work over all kills.
_LIFE_S = 1.2
_KINDS = {"POSTs": ("generate", "upload"), "questions (GET, list)": ("get", "list"), "downloads": ("output",)}


def main() -> int:
    options = _options()
    with TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder:
        root = options.folder or Path(folder)
        calm = Campaign(Plan(jobs=min(options.jobs, _CALM_JOBS), kills=0, seed=1, faults=False), root / "calm")
        calm_verdict = calm.run()
        started = time.monotonic()
        rate = max(1, round(options.jobs / max(options.kills, 1) / _LIFE_S))
        storm = Campaign(
            Plan(jobs=options.jobs, kills=options.kills, seed=options.seed, rate=rate, capped=True), root / "storm"
        )
        verdict = storm.run()
        _print(storm, verdict, time.monotonic() - started)
        _print_costs(verdict, storm.plan.jobs, calm_verdict, calm.plan.jobs)
        is_good = verdict.is_good and calm_verdict.is_good and not storm.crashes + calm.crashes
    return 0 if is_good else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="The same seed draws the same harm.")
    parser.add_argument("--folder", type=Path, help="Where everything is kept for a look; default: nowhere.")
    return parser.parse_args()


def _print(campaign: Campaign, verdict: Verdict, took_s: float) -> None:
    plan = campaign.plan
    print(f"{plan.jobs} jobs, {campaign.kills} kills, seed {plan.seed}, {took_s / 60:.1f} minutes")
    _print_counts("runs ended by", campaign.ends)
    _print_counts("after a run", campaign.aftermaths)
    _print_counts("exit codes", {str(code): count for code, count in campaign.codes.items()})
    for name, found in (
        ("paid twice", verdict.paid_twice),
        ("over a cap", verdict.over_cap),
        ("lost", verdict.lost),
        ("corrupt", verdict.corrupt),
        ("left behind", verdict.left_behind),
        ("told wrong", verdict.untrue),
        ("crashed", campaign.crashes),
    ):
        print(f"{name:<12}{len(found):>6}")
        for line in found[:10]:
            print(f"    {line}")
    print(f"files of a forgotten ledger that a person had to move away: {campaign.moved}")


def _print_counts(name: str, counts: Mapping[str, int]) -> None:
    print(f"{name}: " + ", ".join(f"{what} {count}" for what, count in Counter(dict(counts)).most_common()))


def _print_costs(verdict: Verdict, jobs: int, calm: Verdict, calm_jobs: int) -> None:
    print("calls a job: in this campaign, in a calm run, ratio")
    for name, kinds in _KINDS.items():
        each = sum(verdict.costs[kind] for kind in kinds) / jobs
        calm_each = sum(calm.costs[kind] for kind in kinds) / calm_jobs
        print(f"  {name:<22}{each:>7.2f}{calm_each:>7.2f}{each / calm_each:>7.2f}")


if __name__ == "__main__":
    sys.exit(main())
