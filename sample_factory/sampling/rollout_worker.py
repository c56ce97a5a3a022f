"""The rollout worker: steps its groups of environments and fills their blocks. Knows no model and imports no torch."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from sample_factory.envs.contract import BatchedEnv
from sample_factory.envs.reward_shaping import Path
from sample_factory.envs.validate import check_block
from sample_factory.rl.spaces import MASK_KEY
from sample_factory.sampling.assignment import Assignment
from sample_factory.sampling.blocks import Block, BlockSchema, block_view
from sample_factory.sampling.episode_log import EpisodeLog, GroupEpisodes
from sample_factory.sampling.inference import Inference, Places
from sample_factory.sampling.ledger import Ledger
from sample_factory.sampling.policy import PolicyDescription
from sample_factory.sampling.requests import RequestTable
from sample_factory.sampling.shared_values import SharedValues
from sample_factory.sampling.threads import limit_threads
from sample_factory.system import liveness
from sample_factory.system.arena import Arena
from sample_factory.system.board import Field, Slot
from sample_factory.system.doorbell import Bell, Doorbell
from sample_factory.system.reports import ReportSink

REWARD_SHAPING = "reward_shaping"
"""Name of the rewards that may change in a run, in the arena."""
_REPORT_INTERVAL_SEC = 0.5
_PAUSE_STEP_SEC = 0.2
_ANY = np.True_.tobytes()


@dataclass(frozen=True)
class RolloutSetup:
    """What a rollout worker is built from; picklable, the same for every worker but for its index."""

    arena: Arena
    schema: BlockSchema
    make_env: Callable[[int, int], BatchedEnv]
    """(worker index, group of the worker) -> the group's environment."""
    env_name: str
    consumers: tuple[int, ...]
    """Policies whose learners take the blocks; empty when nobody learns."""
    inline: PolicyDescription | None
    """What acts inside the rollout worker; None with policy workers."""
    seed: int
    agents_per_env: int = 1
    mixes_policies: bool = True
    """Agents of one environment may be played by different policies."""
    are_tasks: bool = False
    """Environments may be different tasks, by their place in the run."""
    past_share: float = 0.0
    """Of matches against past versions."""
    episodes_kept: int = 100
    """Newest episodes of each policy that are reported, twice a second; averages are made of as many."""
    max_frames: float = math.inf
    """A worker begins no block once it has sampled this many frames."""
    warm_up_steps: int = 0
    """Most random steps an environment takes before its first block, so that episodes do not end in step."""
    stagger_sec: float = 0.0
    """Workers pause for up to so long after their first blocks, each longer than the one before it."""
    envs_single_thread: bool = True
    """Whether numerical libraries are limited to one thread; torch always is."""
    reward_shaping: tuple[Path, ...] = ()
    """Values that may change in a run, in the order in which they are in the arena."""

    def build(self, index: int, slot: Slot, reports: ReportSink) -> RolloutWorker:
        """Build worker `index` here, with its environments."""
        return RolloutWorker(self, index, slot, reports)


class _Group:
    """The rows that are stepped together, and where they are in their current block."""

    def __init__(
        self,
        index: int,
        env: BatchedEnv,
        assignment: Assignment,
        blocks: list[Block],
        running_state: np.ndarray,
        episodes: GroupEpisodes,
    ) -> None:
        self.index = index
        self.env = env
        self.assignment = assignment
        self.blocks = blocks
        self.running_state = running_state
        self.episodes = episodes
        self.block: Block | None = None
        self.previous: Block | None = None
        self.step = 0
        # What each row is paid by; version 0 of every policy is what the environment was made with.
        self.shaping_policies = np.zeros(env.num_rows, np.int64)
        self.shaping_versions = np.zeros(env.num_rows, np.int64)


class RolloutWorker:
    """Steps whatever can be stepped; never waits by itself."""

    def __init__(self, setup: RolloutSetup, index: int, slot: Slot, reports: ReportSink) -> None:
        self._setup = setup
        self._schema = schema = setup.schema
        self._index = index
        self._slot = slot
        self._reports = reports
        self._ledger = Ledger(setup.arena)
        self._requests = RequestTable(setup.arena)
        self._inference: dict[int, Inference] = {}
        if setup.inline is not None:
            for policy in range(schema.num_policies):
                self._add_inference(policy, setup.inline)
        self._shaping = (
            SharedValues(setup.arena, REWARD_SHAPING, setup.reward_shaping) if setup.reward_shaping else None
        )
        self._interval = schema.state_interval
        self._samples = setup.arena["policy_samples"][index]
        self._log = EpisodeLog(schema.num_policies, schema.num_players, setup.agents_per_env, setup.episodes_kept)
        self._last_report = 0.0
        self._earlier_failures = slot.row[Field.ENV_FAILURES]  # of predecessors
        self.handed_over: list[int] = []
        """Blocks finished since the caller last looked."""
        self.asked = False
        """Whether a policy worker has something to do since the caller last looked."""
        self._groups = [self._make_group(split) for split in range(schema.groups_per_worker)]

    def _make_group(self, split: int) -> _Group:
        setup, schema = self._setup, self._schema
        group_index = self._index * schema.groups_per_worker + split
        env = setup.make_env(self._index, split)
        assert env.num_rows == schema.rows, (
            f"{setup.env_name}: a group has {env.num_rows} rows instead of {schema.rows}"
        )
        assignment = Assignment(
            setup.arena["row_players"][group_index],
            setup.arena["matchmaking"],
            setup.agents_per_env,
            setup.mixes_policies,
            setup.are_tasks,
            setup.past_share,
            _seed(setup.seed, 4),
            group_index,
        )
        use_players = getattr(env, "use_players", None)
        if use_players is not None:
            use_players(assignment.next_players)
        blocks = [block_view(setup.arena, schema, block) for block in schema.blocks_of_group(group_index)]
        states = setup.arena["running_states"][group_index]
        return _Group(group_index, env, assignment, blocks, states, self._log.group(env.num_rows))

    def _add_inference(self, player: int, description: PolicyDescription) -> Inference:
        setup = self._setup
        seed = _seed(setup.seed, 2, self._index, player)
        self._inference[player] = inference = Inference(setup.arena, self._schema, player, description, seed)
        return inference

    @property
    def waits_for_block(self) -> bool:
        """Whether some group has nowhere to write: the learner is behind."""
        return any(group.block is None for group in self._groups)

    # hot path
    def advance(self) -> bool:
        """Step every group that can be stepped; says whether anything happened."""
        progressed = False
        for group in self._groups:
            if group.block is None and not self._open_block(group):
                continue
            if self._inference or self._requests.is_answered(group.index):
                self._step(group)
                progressed = True
        return progressed

    def _open_block(self, group: _Group) -> bool:
        """Start the group's next block with the last row of its previous one."""
        if any(not inference.has_weights for inference in self._inference.values()):
            return False
        if self._slot.row[Field.FRAMES] >= self._setup.max_frames:
            return False
        block = next((block for block in group.blocks if self._ledger.is_free(block.index)), None)
        if block is None or not self._requests.is_answered(group.index):
            return False
        self._ledger.take(block.index)
        group.assignment.begin_rollout()
        if self._shaping is not None:
            self._shape_rewards(group, self._shaping, np.arange(self._schema.rows))
        if group.previous is None:
            self._reset(group, {name: array[0] for name, array in block.obs.items()})
            # Only now: a predecessor's last request may have been served after this worker was built.
            group.running_state[:] = 0
        else:
            for name, array in block.obs.items():
                array[0] = group.previous.obs[name][-1]
        group.block, group.previous, group.step = block, block, 0
        for inference in self._inference.values():
            inference.refresh()
        self._request_actions(group, block)
        return True

    def _shape_rewards(self, group: _Group, shaping: SharedValues, rows: np.ndarray) -> None:
        """Bring rows up to date: all where a rollout begins, and those that another policy plays from here on."""
        # Past versions are paid nothing that anybody learns from.
        rows = rows[group.assignment.players[rows] < self._schema.num_policies]
        policies = group.assignment.players[rows]
        for policy in np.unique(policies).tolist():
            mine = rows[policies == policy]
            version = shaping.version(policy)
            is_same = (group.shaping_policies[mine] == policy) | (version == 0)
            stale = mine[~is_same | (group.shaping_versions[mine] != version)]
            found = shaping.read(policy) if len(stale) else None
            if found is None:  # nothing new, or just being written
                continue
            group.shaping_policies[stale], group.shaping_versions[stale] = policy, found[0]
            for row in stale.tolist():
                group.env.set_reward_shaping(copy.deepcopy(found[1]), row)  # type: ignore[attr-defined]

    def _reset(self, group: _Group, out: Mapping[str, np.ndarray]) -> None:
        """Start the first episodes, some way into them if that is wanted and possible."""
        setup = self._setup
        group.env.reset(_seed(setup.seed, 1, group.index), out)
        warm_up = getattr(group.env, "warm_up", None)
        # Random actions know nothing of what is forbidden.
        if warm_up is not None and setup.warm_up_steps and MASK_KEY not in self._schema.keys:
            rng = np.random.default_rng(_seed(setup.seed, 3, group.index))
            warm_up(rng.integers(0, setup.warm_up_steps, self._schema.rows, endpoint=True), rng, out)

    # hot path
    def _step(self, group: _Group) -> None:
        block = group.block
        assert block is not None
        start = time.perf_counter()
        actions, next_obs, outcome = block.steps[group.step]
        ended = group.env.step(actions, next_obs, outcome)
        group.episodes.add(outcome)
        if ended:
            group.episodes.end(ended, group.assignment.players)
        if _ANY in outcome.resets.tobytes():  # with few rows, array operations that look for one take longer
            self._begin_episodes(group, outcome.resets)
        slot = self._slot
        slot.add(Field.ENV_SEC, time.perf_counter() - start)
        slot.add(Field.PROGRESS, 1)
        group.step += 1
        if group.step == self._schema.rollout:
            self._hand_over(group, block)
        else:
            self._request_actions(group, block)

    def _begin_episodes(self, group: _Group, resets: np.ndarray) -> None:
        if self._schema.state_size:
            group.running_state[resets] = 0
        changed = group.assignment.change(resets)
        if self._shaping is not None and len(changed):
            self._shape_rewards(group, self._shaping, changed)

    # hot path
    def _request_actions(self, group: _Group, block: Block) -> None:
        step = group.step
        if step % self._interval == 0:
            block.states[step // self._interval] = group.running_state
        if self._inference:
            start = time.perf_counter()
            for player, rows in group.assignment.parts:
                self._inference_of(player).act(Places(group.index, block.index, step, rows))
            self._slot.add(Field.INFERENCE_SEC, time.perf_counter() - start)
        else:
            for player, _ in group.assignment.parts:
                self._requests.ask(group.index, player, block.index, step)
            self.asked = True

    # hot path
    def _inference_of(self, player: int) -> Inference:
        inference = self._inference.get(player)
        if inference is None:  # a past version that plays here for the first time
            assert self._setup.inline is not None
            inference = self._add_inference(player, self._setup.inline)
            inference.refresh()
        return inference

    def _hand_over(self, group: _Group, block: Block) -> None:
        block.states[-1] = group.running_state
        bad = check_block(self._schema.keys, block.obs)
        if bad is not None:
            step = "the bootstrap row" if bad.step == self._schema.rollout else f"step {bad.step}"
            raise ValueError(
                f"environment {self._setup.env_name}: observation {bad.key!r} of row {bad.row} is not finite "
                f"at {step} of a rollout"
            )
        if not np.isfinite(block.rewards).all():
            step, row = np.argwhere(~np.isfinite(block.rewards))[0]
            raise ValueError(
                f"environment {self._setup.env_name}: the reward of row {row} is not finite at step {step} of a rollout"
            )
        self._slot.add(Field.FRAMES, float(block.frames.sum()))
        samples = np.bincount(block.policy_ids.ravel(), minlength=len(self._samples))
        self._samples += samples
        self._ledger.hand_over(block.index, self._consumers(samples))
        self.handed_over.append(block.index)
        group.block = None
        self._open_block(group)

    def _consumers(self, samples: np.ndarray) -> Sequence[int]:
        """Those whose policy acted somewhere in a block with so many samples of each policy."""
        return [policy for policy in self._setup.consumers if samples[policy]]

    def report(self, now: float) -> None:
        """Send finished episodes and new environment failures, at most every half second."""
        if now - self._last_report < _REPORT_INTERVAL_SEC:
            return
        self._last_report = now
        self._log.send(self._reports)
        failures = sum(getattr(group.env, "num_failures", 0) for group in self._groups)
        self._slot.row[Field.ENV_FAILURES] = self._earlier_failures + failures

    def close(self) -> None:
        """Close every environment, and send what has not been reported yet."""
        for group in self._groups:
            group.env.close()
        self._log.send(self._reports)


def run_rollout_worker(
    setup: RolloutSetup,
    index: int,
    slot_index: int,
    doorbell: Doorbell,
    policy_bells: list[Bell],
    learner_bells: list[Bell],
    reports: ReportSink,
) -> None:
    """Sample until told to stop."""
    # A policy that needs torch has already imported it.
    limit_threads(1 if setup.envs_single_thread else None, with_torch=False)
    slot = Slot(setup.arena, slot_index)
    slot.beat()
    liveness.listen(slot.beat, partial(slot.add, Field.RESETS, 1))
    worker = setup.build(index, slot, reports)
    slot.row[Field.READY] = 1
    # A replacement is out of step with the others anyway.
    pause_sec = 0.0 if slot.row[Field.PROGRESS] else setup.stagger_sec * index / setup.schema.num_workers
    try:
        while not slot.stopping:
            slot.beat()
            progressed = worker.advance()
            if pause_sec and worker.handed_over:
                pause(pause_sec, slot)
                pause_sec = 0.0
            _ring(worker, policy_bells, learner_bells)
            worker.report(time.monotonic())
            if not progressed:
                start = time.perf_counter()
                doorbell.wait(1.0)
                waited = time.perf_counter() - start
                slot.add(Field.WAIT_LEARNER_SEC if worker.waits_for_block else Field.WAIT_POLICY_SEC, waited)
    finally:
        worker.close()


def pause(seconds: float, slot: Slot, sleep: Callable[[float], None] = time.sleep) -> None:
    """Do nothing for a while, visibly alive, unless the run ends."""
    while seconds > 0 and not slot.stopping:
        slot.beat()
        sleep(min(seconds, _PAUSE_STEP_SEC))
        seconds -= _PAUSE_STEP_SEC


def _ring(worker: RolloutWorker, policy_bells: list[Bell], learner_bells: list[Bell]) -> None:
    if worker.asked:
        worker.asked = False
        for bell in policy_bells:
            bell.ring()
    if worker.handed_over:
        worker.handed_over.clear()
        for bell in learner_bells:
            bell.ring()


def _seed(*words: int) -> int:
    """A seed for one use, from the run's seed and the numbers that name the use."""
    return int(np.random.SeedSequence(words).generate_state(1)[0])
