"""What limits the run: one sentence from how the components spend their time. Measures nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ROLLOUT_WORKER = "rollout worker"
POLICY_WORKER = "policy worker"
LEARNER = "learner"
ENVIRONMENTS = "environments"
INFERENCE = "inference"

_NOTICEABLE = 0.2


@dataclass(frozen=True)
class ComponentShare:
    """How one kind of component spends its time, averaged over its instances. All values are fractions of wall time."""

    name: str
    """`rollout worker`, `policy worker` or `learner`."""
    working: Mapping[str, float] = field(default_factory=dict)
    """By activity: `environments`, `inference` for a rollout worker; `batching`, `training` for the learner."""
    waiting: Mapping[str, float] = field(default_factory=dict)
    """By component: a rollout worker waits for the `learner` (free blocks) or a `policy worker` (actions)."""

    @property
    def busy(self) -> float:
        """Fraction of the time in which it does something useful."""
        return sum(self.working.values())


def bottleneck(shares: Mapping[str, ComponentShare]) -> str:
    """One sentence: which component the others wait for, how much, and what to try; empty without any measurement.

    The rules, in order; a wait counts from 20 % of the time:
    1. sampling and learning wait for each other: they take turns, the cores are the limit;
    2. sampling waits for the learner;
    3. sampling waits for the policy workers: overloaded if they are busy half of the time, otherwise it is the latency;
    4. the learner waits for sampling (or there is no learner): whatever the rollout workers do most;
    5. otherwise nothing stands out.
    """
    if ROLLOUT_WORKER not in shares:
        return ""
    rollout = shares[ROLLOUT_WORKER]
    learner_idle = _waits(shares, LEARNER, ROLLOUT_WORKER)
    for_learner = _waits(shares, ROLLOUT_WORKER, LEARNER)
    for_policy = _waits(shares, ROLLOUT_WORKER, POLICY_WORKER)
    if min(for_learner, learner_idle) >= _NOTICEABLE and for_learner >= for_policy:
        return _taking_turns(for_learner, learner_idle)
    if for_learner >= _NOTICEABLE and for_learner >= for_policy:
        return _learner_limits(shares[LEARNER].busy if LEARNER in shares else 0.0, for_learner)
    if for_policy >= _NOTICEABLE:
        return _inference_limits(shares.get(POLICY_WORKER, ComponentShare(POLICY_WORKER)).busy, for_policy)
    if learner_idle >= _NOTICEABLE or LEARNER not in shares:
        return _sampling_limits(rollout, learner_idle)
    return f"balanced: no component waits for another more than {_percent(_NOTICEABLE)} of the time"


def _waits(shares: Mapping[str, ComponentShare], who: str, for_whom: str) -> float:
    return shares[who].waiting.get(for_whom, 0.0) if who in shares else 0.0


def _taking_turns(for_learner: float, learner_idle: float) -> str:
    larger = "learning" if for_learner >= learner_idle else "sampling"
    advice = (
        "fewer --ppo_epochs or a smaller network"
        if larger == "learning"
        else "more --num_workers if cores are free, or faster environments"
    )
    return (
        f"sampling and learning take turns (sampling waits {_percent(for_learner)} of the time, the learner "
        f"{_percent(learner_idle)}) and {larger} is the longer part; more or faster cores help most, then {advice}"
    )


def _learner_limits(busy: float, waits: float) -> str:
    return (
        f"learner ({_percent(busy)} busy): sampling waits for it {_percent(waits)} of the time; "
        "try a larger --batch_size, fewer --ppo_epochs, a smaller network or a faster --device"
    )


def _inference_limits(busy: float, waits: float) -> str:
    advice = (
        "more --policy_workers_per_policy, a smaller network or a faster --device"
        if busy >= 0.5
        else "more --num_envs_per_worker, or --worker_num_splits=2 so that workers step while they wait"
    )
    return (
        f"policy workers ({_percent(busy)} busy): rollout workers wait for actions {_percent(waits)} of the time; "
        f"try {advice}"
    )


def _sampling_limits(rollout: ComponentShare, learner_idle: float) -> str:
    activity = max(rollout.working, key=lambda name: rollout.working[name], default=ENVIRONMENTS)
    spent = rollout.working.get(activity, 0.0)
    idle = f" and the learner waits {_percent(learner_idle)}" if learner_idle > 0 else ""
    advice = {
        ENVIRONMENTS: "more --num_workers if cores are free, otherwise faster environments or a higher --env_frameskip",
        INFERENCE: "a smaller network, or policy workers on a GPU",
    }.get(activity, "more --num_workers if cores are free")
    return f"{activity}: rollout workers spend {_percent(spent)} of their time on it{idle}; try {advice}"


def _percent(fraction: float) -> str:
    return f"{fraction * 100:.0f} %"
