"""What a sample costs in each stage, alone on one core: environment, inference, training. Knows no training system.

The cost is CPU time, of this process and of those that it has started, so that what else runs on the machine does not
count; the best of several rounds is taken, because whatever disturbs only makes them slower.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import psutil
import torch
from torch import Tensor, nn

from benchmarks.cases.work import Backend, Work
from benchmarks.environments import make_env
from benchmarks.limit_networks import ActorCritic
from sample_factory.envs.contract import BatchedEnv, new_step_arrays
from sample_factory.envs.observations import zero_rows
from sample_factory.envs.random_actions import RandomActions
from sample_factory.rl.spaces import ActionLayout, KeySpec

_CLIP_RATIO, _VALUE_COEFF, _ENTROPY_COEFF, _MAX_GRAD_NORM = 0.1, 0.5, 0.003, 4.0


class Effort(NamedTuple):
    """How long to look."""

    rounds: int
    round_sec: float  # CPU time of a round, at least


class Spaces(NamedTuple):
    """What goes into the network and what comes out."""

    obs: KeySpec
    actions: ActionLayout


@dataclass(frozen=True)
class Stage:
    """CPU seconds per sample of everything that was tried."""

    tried: Mapping[str, float]

    @property
    def best(self) -> str:
        """The name of the cheapest."""
        return min(self.tried, key=self.tried.__getitem__)

    @property
    def seconds(self) -> float:
        """Per sample, of the cheapest."""
        return self.tried[self.best]


# ---- environment


def environment_stage(work: Work, effort: Effort) -> tuple[Stage, float, Spaces]:
    """Also the frames of a sample, and the spaces."""
    tried: dict[str, float] = {}
    for backend in work.backends:
        for num_envs in work.num_envs:
            with closing(make_env(backend, num_envs)) as env:
                tried[f"{_named(backend)} x{num_envs}"], frames = time_environment(env, effort)
                spaces = Spaces(env.keys["obs"], env.actions)
    return Stage(tried), frames, spaces


def time_environment(env: BatchedEnv, effort: Effort) -> tuple[float, float]:
    """CPU seconds per valid step of a row with random actions, and frames of it. Resets are paid for by the others."""
    out, result = zero_rows(env.keys, env.num_rows), new_step_arrays(env.num_rows)
    actions = RandomActions(env.actions, env.num_rows, seed=0)
    env.reset(0, out)
    costs, all_frames, all_samples = [], 0, 0
    for number in range(effort.rounds + 1):
        start, samples, steps = cpu_seconds(), 0, 0
        until = time.process_time() + effort.round_sec
        while not steps or time.process_time() < until:
            for _ in range(10):
                env.step(actions.next(out), out, result)
                samples += int(np.count_nonzero(result.valid))
                all_frames += int(result.frames.sum())
            steps += 10
        all_samples += samples
        if number:  # the first one warms up
            costs.append((cpu_seconds() - start) / max(1, samples))
    return min(costs), all_frames / max(1, all_samples)


def _named(backend: Backend) -> str:
    return " ".join(filter(None, (backend.env, backend.options.get("env_backend", ""))))


# ---- inference


def inference_stage(work: Work, spaces: Spaces, effort: Effort) -> Stage:
    """Forward passes without drawing actions: in float32, with autocast, and with weights that were cast before."""
    network = make_network(work, spaces)
    converted = copy.deepcopy(network).to(torch.bfloat16)
    tried = {}
    with torch.inference_mode():
        for rows in work.inference_rows:
            obs, state = random_observations(spaces.obs, 1, rows), torch.zeros(rows, work.network.gru)
            for name, model, is_autocast in (
                ("float32", network, False),
                ("bfloat16 autocast", network, True),
                ("bfloat16 weights", converted, False),
            ):
                with torch.autocast("cpu", torch.bfloat16, enabled=is_autocast):
                    tried[f"{name}, batch {rows}"] = time_call(partial(model, obs, state), effort) / rows
    return Stage(tried)


# ---- training


def training_stage(work: Work, spaces: Spaces, effort: Effort) -> Stage:
    """One step of the optimizer, from uint8 or float32 observations; a batch may go through the network in slices."""
    network = make_network(work, spaces)
    optimizer = torch.optim.Adam(network.parameters(), 1e-4, fused=True)
    rows = work.batch_size // work.rollout
    tried = {}
    for num_slices in work.training_slices:
        batch = make_batch(work, spaces, rows // num_slices)
        for name, is_autocast in (("float32", False), ("bfloat16 autocast", True)):

            def update(batch: Batch = batch, num_slices: int = num_slices, is_autocast: bool = is_autocast) -> None:
                for _ in range(num_slices):
                    with torch.autocast("cpu", torch.bfloat16, enabled=is_autocast):
                        outputs, values, _ = network(batch.obs, batch.state)
                    (loss(batch, outputs.float(), values.float(), network.log_std, spaces) / num_slices).backward()
                nn.utils.clip_grad_norm_(network.parameters(), _MAX_GRAD_NORM)
                optimizer.step()
                optimizer.zero_grad()

            name = f"{name}, {num_slices} slice{'s' * (num_slices > 1)}"
            tried[name] = time_call(update, effort) / work.batch_size
    return Stage(tried)


class Batch(NamedTuple):
    """Made up, except for its shapes: [T, B, ...]."""

    obs: Tensor
    state: Tensor  # [B, gru]
    actions: Tensor  # [T, B, num_actions]
    log_probs: Tensor
    advantages: Tensor
    targets: Tensor


def make_batch(work: Work, spaces: Spaces, rows: int) -> Batch:
    """Of the dtypes that are stored."""
    shape = work.rollout, rows
    encoded = [spaces.actions.encode(spaces.actions.space.sample()) for _ in range(work.rollout * rows)]
    return Batch(
        obs=random_observations(spaces.obs, *shape),
        state=torch.zeros(rows, work.network.gru),
        actions=torch.from_numpy(np.stack(encoded)).unflatten(0, shape),
        log_probs=torch.full(shape, -1.0),
        advantages=torch.randn(shape),
        targets=torch.randn(shape),
    )


def loss(batch: Batch, outputs: Tensor, values: Tensor, log_std: Tensor, spaces: Spaces) -> Tensor:
    """PPO's: clipped surrogate, squared error of the values, entropy."""
    log_probs, entropy = torch.zeros(()), torch.zeros(())
    column = first = 0
    for part in spaces.actions.parts:
        wanted = outputs[..., first : first + part.size]
        if part.kind == "categorical":
            logs = wanted.log_softmax(-1)
            log_probs = log_probs + logs.gather(-1, batch.actions[..., column, None].long())[..., 0]
            entropy = entropy - (logs.exp() * logs).sum(-1).mean()
        else:
            normal = torch.distributions.Normal(wanted, log_std[first : first + part.size].exp(), validate_args=False)
            log_probs = log_probs + normal.log_prob(batch.actions[..., column : column + part.size]).sum(-1)
            entropy = entropy + normal.entropy().sum(-1).mean()
        first += part.size
        column += part.num_actions
    ratio = (log_probs - batch.log_probs).exp()
    clipped = ratio.clamp(1 / (1 + _CLIP_RATIO), 1 + _CLIP_RATIO)
    surrogate = torch.min(ratio * batch.advantages, clipped * batch.advantages).mean()
    return _VALUE_COEFF * (values - batch.targets).square().mean() - surrogate - _ENTROPY_COEFF * entropy


# ---- what stages share


def make_network(work: Work, spaces: Spaces) -> ActorCritic:
    """The case's network, as wide as the spaces ask for."""
    return ActorCritic(work.network, spaces.obs.shape, sum(part.size for part in spaces.actions.parts))


def random_observations(spec: KeySpec, steps: int, rows: int) -> Tensor:
    """[steps, rows, *shape] as stored."""
    shape = steps, rows, *spec.shape
    if spec.dtype == np.uint8:
        return torch.randint(256, shape, dtype=torch.uint8)
    return torch.randn(shape)


def time_call(call: Callable[[], object], effort: Effort) -> float:
    """CPU seconds of one call."""
    call()
    start = time.process_time()
    call()
    repeats = max(1, round(effort.round_sec / max(time.process_time() - start, 1e-6)))
    rounds = []
    for _ in range(effort.rounds):
        start = time.process_time()
        for _ in range(repeats):
            call()
        rounds.append((time.process_time() - start) / repeats)
    return min(rounds)


def cpu_seconds() -> float:
    """CPU time of this process and of the living ones that it has started; of the latter to 10 ms."""
    total = time.process_time()
    for child in psutil.Process().children(recursive=True):
        with _gone():
            total += sum(child.cpu_times()[:2])
    return total


@contextmanager
def _gone() -> Iterator[None]:
    try:
        yield
    except psutil.NoSuchProcess:
        return
