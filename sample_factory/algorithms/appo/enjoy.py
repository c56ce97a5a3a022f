"""Watching a policy in one environment: window, videos, a line per episode. Knows no checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from sample_factory.algorithms.appo.captions import Captions
from sample_factory.algorithms.appo.episodes import Episode, EpisodeCounter
from sample_factory.algorithms.appo.stage import RenderMode, Stage
from sample_factory.algorithms.appo.trained_policy import TrainedPolicy
from sample_factory.config.config import Config
from sample_factory.config.values import namespace
from sample_factory.envs import registry
from sample_factory.envs.contract import StepArrays, new_step_arrays
from sample_factory.envs.observations import zero_rows
from sample_factory.system.captions import with_caption
from sample_factory.system.episode_stats import EpisodeStats
from sample_factory.system.pace import Pace
from sample_factory.system.video import EpisodeVideos, VideoFile

_WINDOW = 100


class Show(NamedTuple):
    """What is made of the options."""

    render_mode: RenderMode | None
    options: SimpleNamespace
    """For the environment."""
    repeat: int
    """Environment steps for which an action is held."""


def plan_show(config: Config) -> Show:
    """Videos are recorded without a window. What is shown is shown frame by frame if that does not change the game."""
    evaluation, options = config.evaluation, namespace(config)
    render_mode: RenderMode | None = None if evaluation.no_render else "human"
    if evaluation.save_video or evaluation.record_to is not None:
        render_mode = "rgb_array"
    repeat = evaluation.render_action_repeat
    if repeat is None:
        frame_by_frame = render_mode is not None and registry.resolve(config.run.env).frame_by_frame
        if not frame_by_frame or config.env.env_frameskip is None:
            return Show(render_mode, options, 1)
        repeat = config.env.env_frameskip
    if config.env.env_frameskip is not None:
        options.env_frameskip = 1
    return Show(render_mode, options, repeat)


class Watcher:
    """Plays one environment until the options, or the user, want no more."""

    def __init__(
        self,
        config: Config,
        folder: Path,
        stage: Stage,
        show: Show,
        policy: TrainedPolicy,
        stopping: Callable[[], bool],
    ) -> None:
        """
        Args:
            folder: where a video is saved.
        """
        self._options, self._stage, self._repeat = config.evaluation, stage, show.repeat
        self._policy, self._stopping = policy, stopping
        env = stage.env
        self._obs, self._result = zero_rows(env.keys, env.num_rows), new_step_arrays(env.num_rows)
        self._counter, self._log = EpisodeCounter(env.num_rows), _EpisodeLog(env.num_rows)
        self._captions = Captions(env.num_rows)
        self._num_frames = 0
        self._pace = Pace(self._options.fps if show.render_mode == "human" else 0)
        fps = self._options.fps / stage.frames_per_step if self._options.fps else stage.fps
        self._video: VideoFile | None = None
        if self._options.save_video:
            self._video = VideoFile(folder / (self._options.video_name or "replay.mp4"), fps)
        self._episodes: EpisodeVideos | None = None
        if self._options.record_to is not None:
            self._episodes = EpisodeVideos(Path(self._options.record_to).expanduser() / config.run.experiment, fps)

    def run(self, seed: int) -> float:
        """Play; returns the mean reward of all episodes, NaN if none ended."""
        try:
            self._stage.env.reset(seed, self._obs)
            self._look()
            while not self._done:
                self._act()
        finally:
            self._close_videos()
        return self._log.mean_reward

    @property
    def _done(self) -> bool:
        options = self._options
        # Agents may end one by one: what counts is how many episodes they have had on average.
        episodes = self._counter.finished.sum() / self._stage.env.num_rows
        video_is_full = self._video is not None and self._video.num_frames >= options.video_frames
        is_over = episodes >= options.max_num_episodes or self._num_frames >= options.max_num_frames
        return is_over or video_is_full or self._stopping()

    def _act(self) -> None:
        """One decision, held until an episode ends."""
        actions = self._policy.act(self._obs)
        self._captions.decide(actions, self._policy.values)
        for _ in range(self._repeat):
            self._step(actions)
            if self._done or _changed_episode(self._result):
                break

    def _step(self, actions: np.ndarray) -> None:
        result = self._result
        ended = self._stage.env.step(actions, self._obs, result)
        self._policy.forget(result.resets)
        self._captions.step(result)
        self._num_frames += int(result.frames.max())
        self._pace.wait(int(result.frames.max()))
        self._look()
        for episode in self._counter.take(result, ended):
            self._log.show(episode)
            if self._episodes is not None and episode.row == 0:
                video = self._episodes.end_episode(episode.reward)
                self._stage.save_demo(video.with_suffix(".lmp"))

    def _look(self) -> None:
        self._stage.show()
        if self._video is None and self._episodes is None:
            return
        frame = captioned = self._stage.frame()
        if self._options.overlay and (overlays := self._stage.overlays()):
            captioned = with_caption(frame, self._captions.texts(overlays))
        if self._episodes is not None:
            self._episodes.add(captioned)
        if self._video is not None and self._video.num_frames < self._options.video_frames:
            self._video.add(frame if self._video.path.suffix == ".gif" else captioned)

    def _close_videos(self) -> None:
        if self._episodes is not None:
            self._episodes.close()
        path = self._video.close() if self._video is not None else None
        if path is not None and self._video is not None:
            print(f"{self._video.num_frames} frames in {path}", flush=True)


class _EpisodeLog:
    """A line per episode with the mean of the last ones, per agent."""

    def __init__(self, num_agents: int) -> None:
        self._num_agents = num_agents
        self._recent = [EpisodeStats(_WINDOW) for _ in range(num_agents)]
        self._sum, self._count = 0.0, 0

    @property
    def mean_reward(self) -> float:
        """Of all episodes of all agents."""
        return self._sum / self._count if self._count else float("nan")

    def show(self, episode: Episode) -> None:
        """Print an episode that has just ended."""
        self._sum += episode.reward
        self._count += 1
        recent = self._recent[episode.row]
        recent.add({"reward": episode.reward, "true objective": episode.true_objective})
        agent = f", agent {episode.row}" if self._num_agents > 1 else ""
        values = [f"reward {episode.reward:.3f}"]
        if episode.true_objective is not None:
            values.append(f"true objective {episode.true_objective:.3f}")
        means = [f"{name} {spread.mean:.3f}" for name in recent.names() if (spread := recent.spread(name))]
        shown = min(episode.number + 1, _WINDOW)
        print(
            f"episode {episode.number}{agent}: {', '.join(values)}, {episode.frames} frames; "
            f"mean of the last {shown}: {', '.join(means)}",
            flush=True,
        )


def _changed_episode(result: StepArrays) -> bool:
    return bool((result.terminated | result.truncated | result.resets).any())
