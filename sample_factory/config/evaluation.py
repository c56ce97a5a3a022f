"""Options of watching and evaluating a trained policy. Know nothing about training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sample_factory.config.checks import check_at_least, check_choices, check_positive

_PRACTICALLY_FOREVER = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """Watching and evaluating a trained policy; not used by training."""

    fps: int = 0
    """Steps rendered per second; 0 is as fast as possible, or as the environment sees fit."""
    render_action_repeat: int | None = None
    """Frames for which each action is repeated; None is as in training (--env_frameskip)."""
    # `bare` options may be given without a value.
    no_render: bool = field(default=False, metadata={"bare": True})
    """Do not open a window."""
    policy_index: int = 0
    """Which policy of a population."""
    record_to: str | None = None
    """Folder for recordings by environments that can record themselves; None records nothing."""
    continuous_actions_sample: bool = True
    """Continuous actions: sample, or take the mean."""
    eval_deterministic: bool = False
    """Take the most likely action instead of sampling, whatever the kind of action."""
    save_video: bool = field(default=False, metadata={"bare": True})
    """Write a video of what is rendered to the experiment folder."""
    video_name: str | None = None
    """File name of the video, ending in .mp4 or .gif; None is replay.mp4."""
    video_frames: int = _PRACTICALLY_FOREVER
    """The video has at most this many frames."""
    max_num_frames: int = _PRACTICALLY_FOREVER
    """Stop after this many environment frames."""
    max_num_episodes: int = _PRACTICALLY_FOREVER
    """Stop after this many episodes."""
    sample_env_episodes: int = 0
    """Evaluate this many episodes on many environments at once, without rendering; 0 watches one environment."""
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
        if self.save_video and self.sample_env_episodes:
            raise ValueError(
                f"--save_video=True contradicts --sample_env_episodes={self.sample_env_episodes}, which renders nothing"
            )
