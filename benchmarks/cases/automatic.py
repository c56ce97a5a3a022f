"""`auto_doom` and its like: numbers of workers that the engine chooses, beside those chosen by hand. Runs nothing."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.cases.case import Case, Setting


def automatic(case: Case) -> Case:
    """The engine beside itself; `--tune` finds the best of what a person would try."""
    by_hand = replace(case.ours, name="by_hand")
    # The simulator stays that of the first setting: which one it is has another flag.
    chosen = tuple(flag for flag in case.ours.settings[0].flags if not flag.startswith(_NUMBERS))
    setting = Setting("auto", ("--num_workers=auto", "--num_envs_per_worker=auto", *chosen))
    return Case(
        name=f"auto_{case.name}",
        what=f"{case.name} with numbers of workers and environments that the engine chooses, and chosen by hand",
        ours=replace(case.ours, settings=(setting,)),
        peers=(by_hand,),
    )


_NUMBERS = ("--num_workers=", "--num_envs_per_worker=", "--worker_num_splits=")
