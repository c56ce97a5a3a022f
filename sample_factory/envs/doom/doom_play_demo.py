"""Entry point: `python -m sample_factory.envs.doom.doom_play_demo --demo_path=ep_000_r1.00.lmp`. Records nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sample_factory.config.command_line import peek
from sample_factory.config.config import NoFamilyOptions
from sample_factory.config.environment import EnvConfig
from sample_factory.config.values import namespace
from sample_factory.envs.doom.demos import Demo, read_demo
from sample_factory.envs.doom.env import DoomEnv
from sample_factory.envs.doom.game import TICS_PER_SEC, has_display, screen_resolution
from sample_factory.envs.doom.replay import Outcome, replay
from sample_factory.envs.options import parse_env_options
from sample_factory.envs.registry import create_env
from sample_factory.system.video import VideoFile

_TOLERANCE = 1e-4  # of a sum of float32 rewards


@dataclass(frozen=True, kw_only=True)
class PlayDemoOptions:
    """What to replay, and how to show it."""

    env: str
    """Full name of the environment (doom_basic); may be left out where a .json file beside the demo says it."""
    demo_path: str
    """The recorded episode, a .lmp file."""
    video: str | None = None
    """Write this .mp4 or .gif file instead of opening a window."""
    resolution: str = "640x480"
    """Size in which the engine draws, whatever it was when the episode was recorded."""
    fps: int = TICS_PER_SEC
    """Tics per second, in a window or a video; 0 does not wait in a window."""
    import_module: tuple[str, ...] = ()
    """Modules to import first, because they register environments."""

    def __post_init__(self) -> None:
        screen_resolution(self.resolution)
        if self.fps < 0:
            raise ValueError(f"--fps={self.fps} must not be negative")
        if self.video is not None and not self.video.endswith((".mp4", ".gif")):
            raise ValueError(f"--video={self.video} must end in .mp4 or .gif")


@dataclass(frozen=True, kw_only=True)
class PlayDemoConfig:
    """Everything that can be chosen about a replay."""

    demo: PlayDemoOptions
    env: EnvConfig = field(default_factory=EnvConfig)
    family: Any = field(default_factory=NoFamilyOptions)


def main(argv: Sequence[str] | None = None) -> int:
    """Replay; the exit status is 1 after a mistake of the user, or if the episode is not the one that was recorded."""
    argv = sys.argv[1:] if argv is None else list(argv)
    try:
        path = peek(argv, "demo_path")
        demo = None if path is None else read_demo(Path(path).expanduser())
        config = parse_env_options(argv, PlayDemoConfig, None if demo is None else _saved(demo))
        if demo is not None and demo.env != config.demo.env:
            raise ValueError(f"{path} was recorded with --env={demo.env}, not --env={config.demo.env}")
        outcome = play_demo(config, demo)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{path}: {config.demo.env}, {_describe(outcome)}{_compared(outcome, demo)}", flush=True)
    return 0 if demo is None or _is_same(outcome, demo) else 1


def play_demo(config: PlayDemoConfig, demo: Demo | None) -> Outcome:
    """Show a recorded episode as the options say.

    Raises:
        ValueError: the environment is none whose episodes are recorded, or another one.
    """
    options = config.demo
    env = create_env(options.env, namespace(config))
    doom = getattr(env, "unwrapped", env)
    if not isinstance(doom, DoomEnv) or doom.doom_spec.match is not None:
        raise ValueError(f"--env={options.env} is not a Doom environment for one player, which alone are recorded")
    lmp = Path(options.demo_path).expanduser()
    if options.video is None:
        window = has_display()
        fps = options.fps if window else 0
        return replay(lmp, doom, demo, resolution=options.resolution, window=window, fps=fps)
    video = VideoFile(Path(options.video).expanduser(), options.fps or TICS_PER_SEC)
    outcome = replay(lmp, doom, demo, resolution=options.resolution, show=video.add)
    print(f"{video.num_frames} frames in {video.close()}", flush=True)
    return outcome


def _saved(demo: Demo) -> dict[str, Any]:
    return {**demo.options, "env": demo.env, "env_frameskip": demo.frameskip}


def _describe(outcome: Outcome) -> str:
    return f"reward {outcome.total_reward:.3f}, {outcome.num_steps} steps"


def _compared(outcome: Outcome, demo: Demo | None) -> str:
    if demo is None:
        return "; there is no .json file to compare with"
    recorded = _describe(Outcome(demo.total_reward, demo.num_steps))
    return ", as recorded" if _is_same(outcome, demo) else f"; DIFFERENT from what was recorded: {recorded}"


def _is_same(outcome: Outcome, demo: Demo) -> bool:
    tolerance = _TOLERANCE * max(1.0, abs(demo.total_reward))
    return outcome.num_steps == demo.num_steps and abs(outcome.total_reward - demo.total_reward) <= tolerance


if __name__ == "__main__":
    sys.exit(main())
