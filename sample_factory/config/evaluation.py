"""Options of watching and evaluating a trained policy. Know nothing about training."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal

from sample_factory.config.checks import check_at_least, check_choices, check_positive

_PRACTICALLY_FOREVER = 1_000_000_000
_WATCHING = ("render_action_repeat", "record_to", "save_video", "max_num_frames", "max_num_episodes")


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """Watching and evaluating a trained policy; not used by training."""

    fps: int = 0
    """Frames shown per second, in a window or a video; 0 is as the environment sees fit."""
    render_action_repeat: int | None = None
    """Environment steps, of one frame each, for which an action is held; None is as in training (--env_frameskip)."""
    # `bare` options may be given without a value.
    no_render: bool = field(default=False, metadata={"bare": True})
    """Do not open a window."""
    policy_index: int = 0
    """Which policy of a population."""
    record_to: str | None = None
    """Folder in which to record every episode, as <experiment>/ep_<number>_r<reward>.mp4, without a window; of a Doom
    game for one player also as .lmp, the game's own recording (sample_factory.envs.doom.doom_play_demo)."""
    continuous_actions_sample: bool = True
    """Continuous actions: sample, or take the mean."""
    eval_deterministic: bool = False
    """Take the most likely action instead of sampling, whatever the kind of action."""
    save_video: bool = field(default=False, metadata={"bare": True})
    """Write a video to the experiment folder, without a window."""
    video_name: str | None = None
    """File name of the video, ending in .mp4 or .gif; None is replay.mp4."""
    video_frames: int = _PRACTICALLY_FOREVER
    """The video has at most this many frames, and the evaluation ends with it."""
    overlay: bool = True
    """Write under the frames of an mp4 video what the environment says about itself (Doom: health, ammunition, buttons)
    with the reward so far and the policy's value; no effect where the environment says nothing."""
    max_num_frames: int = _PRACTICALLY_FOREVER
    """Stop after this many environment frames."""
    max_num_episodes: int = _PRACTICALLY_FOREVER
    """Stop after this many episodes (of each agent)."""
    sample_env_episodes: int = 0
    """Evaluate this many episodes on --num_workers x --num_envs_per_worker environments at once; 0 watches one."""
    load_checkpoint_kind: Literal["latest", "best"] = "latest"
    """Which checkpoint of the policy to load."""

    def __post_init__(self) -> None:
        check_choices(self)
        check_at_least(self, 0, "fps", "policy_index", "sample_env_episodes")
        check_positive(self, "video_frames", "max_num_frames", "max_num_episodes")
        if self.render_action_repeat is not None:
            check_positive(self, "render_action_repeat")
        if self.video_name is not None and not self.video_name.endswith((".mp4", ".gif")):
            raise ValueError(f"--video_name={self.video_name} must end in .mp4 or .gif")
        if self.sample_env_episodes:
            _check_only_sampling(self)


def _check_only_sampling(options: EvaluationConfig) -> None:
    """Sampling renders nothing, and its episodes must not be cut short."""
    for item in fields(EvaluationConfig):
        if item.name in _WATCHING and (value := getattr(options, item.name)) != item.default:
            raise ValueError(
                f"--{item.name}={value} contradicts --sample_env_episodes={options.sample_env_episodes}, "
                "which renders nothing and plays every episode to its end"
            )
