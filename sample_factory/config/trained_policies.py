"""Options of the collection of trained policies, one section for each command. Know nothing about how it is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sample_factory.config.checks import check_at_least, check_choices, check_positive
from sample_factory.config.config import NoFamilyOptions
from sample_factory.config.run import default_train_dir


def default_source() -> str:
    """The collection of the checkout that this file is in, or of the current folder."""
    in_checkout = Path(__file__).parents[2] / "trained_policies"
    return str(in_checkout if in_checkout.is_dir() else Path.cwd() / "trained_policies")


@dataclass(frozen=True, kw_only=True)
class ListOptions:
    """The policies of a collection."""

    source: str = field(default_factory=default_source)
    """The collection: a folder, the address of one (https://...), or hf://<owner>/<name> on the Hugging Face hub."""


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(ListOptions):
    """Let policies play, and compare with the scores that the collection claims."""

    name: tuple[str, ...] = ()
    """Which policies; none means all."""
    episodes: int = 100
    """Episodes of each."""
    seed: int = 0
    """Seed of environments and actions."""

    def __post_init__(self) -> None:
        check_positive(self, "episodes")
        check_at_least(self, 0, "seed")


@dataclass(frozen=True, kw_only=True)
class PullOptions(ListOptions):
    """Get a policy, so that enjoy_appo plays it. Nothing in it is ever executed."""

    name: str
    """Which policy."""
    train_dir: str = field(default_factory=default_train_dir)
    """Root folder of all experiments."""
    experiment: str | None = None
    """Name of the experiment folder to make; None is the name of the policy."""


@dataclass(frozen=True, kw_only=True)
class AddOptions:
    """Put a policy of an experiment into a collection: export, evaluation, video, table."""

    experiment: str
    """Name of the experiment folder."""
    experiments_root: str | None = None
    """Folder inside train_dir in which the experiment is."""
    train_dir: str = field(default_factory=default_train_dir)
    """Root folder of all experiments."""
    policy_index: int | None = None
    """Which policy of a population; None is the first."""
    load_checkpoint_kind: Literal["latest", "best"] = "latest"
    """Which checkpoint of the policy."""
    source: str = field(default_factory=default_source)
    """Folder of the collection."""
    name: str | None = None
    """What it is called there; None is the name of the experiment."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the stored weights; bfloat16 halves the file, and the score is that of the rounded weights."""
    time: str
    """How long training took, and on what: "4 min on 2 cores"."""
    episodes: int = 200
    """Episodes of the evaluation."""
    eval_deterministic: bool = False
    """Whether the score is that of the most probable actions."""
    seed: int = 1
    """Seed of the evaluation and of the video."""
    video_frames: int = 200
    """The video has at most this many frames."""

    def __post_init__(self) -> None:
        check_choices(self)
        check_positive(self, "video_frames")
        check_at_least(self, 0, "seed")
        # A standard error of fewer says little.
        check_at_least(self, 100, "episodes")


@dataclass(frozen=True, kw_only=True)
class PushOptions:
    """Put one policy of a collection on the Hugging Face hub; whoever is logged in there needs no more."""

    name: str
    """Which policy."""
    repo_id: str
    """Where: <owner>/<name>."""
    source: str = field(default_factory=default_source)
    """Folder of the collection."""
    private: bool = False
    """Whether only its owner sees the repository, if it is a new one."""
    dry_run: bool = field(default=False, metadata={"bare": True})
    """Only say what would be uploaded."""


@dataclass(frozen=True, kw_only=True)
class _Command:
    family: Any = field(default_factory=NoFamilyOptions)
    """Nothing: what an environment is like is said by each policy's cfg.json."""


@dataclass(frozen=True, kw_only=True)
class ListConfig(_Command):
    """Everything that can be chosen about `list`."""

    run: ListOptions


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(_Command):
    """Everything that can be chosen about `evaluate`."""

    run: EvaluateOptions


@dataclass(frozen=True, kw_only=True)
class PullConfig(_Command):
    """Everything that can be chosen about `pull`."""

    run: PullOptions


@dataclass(frozen=True, kw_only=True)
class AddConfig(_Command):
    """Everything that can be chosen about `add`."""

    run: AddOptions


@dataclass(frozen=True, kw_only=True)
class PushConfig(_Command):
    """Everything that can be chosen about `push`."""

    run: PushOptions
