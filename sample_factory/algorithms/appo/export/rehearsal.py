"""Plays an environment with a policy and its exported twin, and says where they part. Knows no file format."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from sample_factory.algorithms.appo.export.acting_module import STATE
from sample_factory.algorithms.appo.policy import AppoPolicy
from sample_factory.envs.contract import BatchedEnv, new_step_arrays
from sample_factory.envs.observations import zero_rows
from sample_factory.rl import distributions
from sample_factory.rl.spaces import MASK_KEY, ActionLayout

TOLERANCE = 1e-3
"""Absolute, of numbers up to 1, and relative above: float32 on two engines, over hundreds of steps."""

Twin = Callable[[dict[str, np.ndarray]], list[np.ndarray]]
"""Observations by key, and the recurrent state if there is one, to actions, parameters, values and the next state."""


class Rehearsal(NamedTuple):
    """What was compared."""

    steps: int
    rows: int
    episodes: int
    """Ended meanwhile, so that states began anew."""
    largest_difference: float
    """Of any action parameter, value or number of the state."""


def rehearse(
    policy: AppoPolicy, layout: ActionLayout, state_size: int, twin: Twin, env: BatchedEnv, steps: int, seed: int
) -> Rehearsal:
    """Let both see the same observations, each with its own recurrent state; the policy's random actions are played.

    Args:
        layout: of the actions, with the distributions of the model.
        env: has not been reset.

    Raises:
        ValueError: one line: the twin does something else.
    """
    obs, result = zero_rows(env.keys, env.num_rows), new_step_arrays(env.num_rows)
    state = np.zeros((env.num_rows, state_size), np.float32)
    twin_state = state.copy()
    largest, episodes = 0.0, 0
    env.reset(seed, obs)
    for step in range(steps):
        output = policy.act(obs, state)
        given = twin(obs | ({STATE: twin_state} if state_size else {}))
        mask = torch.from_numpy(obs[MASK_KEY]) if MASK_KEY in obs else None
        logits = torch.from_numpy(output.recorded["action_logits"])
        params = distributions.usable_params(layout, logits, mask).numpy()
        actions = distributions.mode(layout, logits, mask).numpy()
        state = np.array(output.state)
        expected = [params, output.recorded["values"], *([state] if state_size else [])]
        names = ("action parameters", "values", "recurrent state")
        for name, mine, its in zip(names, expected, given[1:], strict=False):
            largest = max(largest, _difference(name, step, mine, its))
        _check_actions(layout, step, params, actions, given[0])
        twin_state = np.array(given[-1]) if state_size else twin_state
        env.step(output.actions, obs, result)
        state[result.resets], twin_state[result.resets] = 0, 0
        episodes += int(result.resets.sum())
    return Rehearsal(steps, env.num_rows, episodes, largest)


def _difference(name: str, step: int, mine: np.ndarray, its: np.ndarray) -> float:
    if mine.shape != its.shape or mine.dtype != its.dtype:
        raise _apart(name, step, f"{its.dtype} {list(its.shape)}, not {mine.dtype} {list(mine.shape)}")
    if not np.allclose(its, mine, rtol=TOLERANCE, atol=TOLERANCE):
        raise _apart(name, step, f"up to {np.abs(its - mine).max():.3g} away from those of the policy")
    return float(np.abs(its - mine).max(initial=0.0))


def _check_actions(layout: ActionLayout, step: int, params: np.ndarray, mine: np.ndarray, its: np.ndarray) -> None:
    if mine.shape != its.shape or mine.dtype != its.dtype:
        raise _apart("actions", step, f"{its.dtype} {list(its.shape)}, not {mine.dtype} {list(mine.shape)}")
    column = at = 0
    for part in layout.parts:
        own, other = (actions[:, column : column + part.num_actions] for actions in (mine, its))
        logits = params[:, at : at + part.num_logits]
        if part.kind == "categorical":
            # Of two that are equally probable, each may take another.
            own, other = (np.take_along_axis(logits, actions.astype(np.int64), 1) for actions in (own, other))
        if not np.allclose(other, own, rtol=TOLERANCE, atol=TOLERANCE):
            raise _apart("actions", step, "others than the policy takes")
        column, at = column + part.num_actions, at + part.num_logits


def _apart(what: str, step: int, how: str) -> ValueError:
    return ValueError(f"the exported policy is not the same: at step {step} its {what} are {how}; nothing is written")
