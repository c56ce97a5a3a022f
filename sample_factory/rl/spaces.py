"""What one row of observations and actions looks like in memory, derived from Gymnasium spaces. Knows no torch.

A *row* is one agent of one environment. Observations are flattened into named keys (`"obs"`, `"sensors/speed"`, ...),
actions into one flat vector per row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import gymnasium as gym
import numpy as np

if TYPE_CHECKING:
    from torch import Generator, Tensor

Kind = Literal["image", "vector", "integer", "text", "mask"]
MASK_KEY = "action_mask"
_MAX_IMAGE_CHANNELS = 16


class TextSpace(gym.spaces.MultiDiscrete):
    """Texts of up to `length` words, int32 [length]: numbers of words, of which there are `num_words`, then zeros."""

    def __init__(self, num_words: int, length: int) -> None:
        assert num_words > 1 and length > 0
        super().__init__([num_words] * length, dtype=np.int32)  # type: ignore[arg-type]  # its stubs know int64 only


@dataclass(frozen=True)
class KeySpec:
    """One observation key of one row.

    Images are *stored* height-width-channel, whatever the environment declares, because that is the layout that
    convolutions read fastest; `channel_axis` says where the environment itself has its channels.
    """

    kind: Kind
    shape: tuple[int, ...]
    """Stored shape: (H, W, C) for images, the flattened (n,) for vectors, integers, texts and masks."""
    dtype: np.dtype[Any]
    """Stored dtype: float64 becomes float32, int64 becomes int32."""
    space: gym.Space[Any]
    """The leaf space, as declared."""
    channel_axis: int = -1
    """-1 if the declared image is HWC, 0 if it is CHW."""
    categories: tuple[int, ...] = ()
    """Integers and texts only: number of values of each entry (stored values start at 0)."""

    def row_view(self, stored: np.ndarray) -> np.ndarray:
        """View of stored rows [..., *shape] in the layout the environment declares, sharing memory."""
        if self.kind == "image":
            return np.moveaxis(stored, -1, -3) if self.channel_axis == 0 else stored
        return stored.reshape(*stored.shape[:-1], *self.space.shape) if self.space.shape else stored[..., 0]


class ContinuousDistribution(Protocol):
    """The distribution of one Box of an action, as functions of its parameters.

    Parameters are [..., num_params], whatever the last layer of the network gives, in float32; actions are [..., n],
    the n numbers of the Box in the environment's units. All but `sample` are differentiated.
    """

    num_params: int
    """Numbers that the network gives for this Box."""

    def sample(self, params: Tensor, generator: Generator | None) -> Tensor:
        """Random actions [..., n]; all randomness comes from `generator`."""
        ...

    def mode(self, params: Tensor) -> Tensor:
        """Actions [..., n] to take when there must be no chance."""
        ...

    def log_prob(self, params: Tensor, actions: Tensor) -> Tensor:
        """Logarithm of the density [...] of actions, which are as `sample` gave them."""
        ...

    def entropy(self, params: Tensor) -> Tensor:
        """Differential entropy [...] in nats."""
        ...

    def kl(self, p_params: Tensor, q_params: Tensor) -> Tensor:
        """KL(p || q) [...] in nats."""
        ...


@dataclass(frozen=True)
class ActionPart:
    """One independent component of an action."""

    kind: Literal["categorical", "gaussian", "custom"]
    size: int
    """Number of categories, or of dimensions."""
    space: gym.Space[Any]
    """Discrete, or Box of any shape. A MultiDiscrete is several categorical parts, each with its own Discrete."""
    distribution: ContinuousDistribution | None = None
    """Of a custom part."""

    @property
    def num_actions(self) -> int:
        """Columns in the flat action vector."""
        return 1 if self.kind == "categorical" else self.size

    @property
    def num_logits(self) -> int:
        """Columns in the parameter vector: logits, means followed by log standard deviations, or what it says."""
        if self.distribution is not None:
            return self.distribution.num_params
        return self.size if self.kind == "categorical" else 2 * self.size


@dataclass(frozen=True)
class ActionLayout:
    """How a (possibly nested) action space maps to one flat vector per row."""

    space: gym.Space[Any]
    parts: tuple[ActionPart, ...]

    @property
    def num_actions(self) -> int:
        """Width of the flat action vector."""
        return sum(part.num_actions for part in self.parts)

    @property
    def num_logits(self) -> int:
        """Width of the distribution-parameter vector."""
        return sum(part.num_logits for part in self.parts)

    @property
    def dtype(self) -> np.dtype[Any]:
        """int32 when every part is categorical, float32 otherwise."""
        return np.dtype(np.int32 if all(part.kind == "categorical" for part in self.parts) else np.float32)

    @property
    def mask_size(self) -> int:
        """Entries of an action mask: one per category of every categorical part."""
        return sum(part.size for part in self.parts if part.kind == "categorical")

    def decode(self, flat: np.ndarray) -> Any:
        """Turn one row's flat action [num_actions] into a member of `space`; Box parts are clipped to their bounds."""
        action, used = _decode(self.space, flat, 0)
        assert used == self.num_actions
        return action

    def encode(self, action: Any) -> np.ndarray:
        """Inverse of `decode` for members of `space`: the flat vector [num_actions]."""
        return np.asarray(_encode(self.space, action), dtype=self.dtype)


def observation_keys(space: gym.Space[Any]) -> dict[str, KeySpec]:
    """Flatten an observation space into named keys; a space that is no Dict becomes the single key "obs".

    Raises:
        ValueError: a leaf is not Box, Discrete, MultiDiscrete or MultiBinary.
    """
    root = space if isinstance(space, gym.spaces.Dict) else gym.spaces.Dict({"obs": space})
    leaves: dict[str, gym.Space[Any]] = {}
    _collect_leaves("", root, leaves)
    return {name: _key_spec(name, leaf) for name, leaf in leaves.items()}


def flatten_observation(observation: Any, is_dict: bool = True) -> dict[str, Any]:
    """Flatten one (nested dict or tuple) observation into the names that `observation_keys` gives."""
    flat: dict[str, Any] = {}
    _collect_values("", observation if is_dict else {"obs": observation}, flat)
    return flat


def action_layout(space: gym.Space[Any]) -> ActionLayout:
    """Flatten an action space into independent parts.

    Raises:
        ValueError: the space contains something else than Discrete, MultiDiscrete, float Box and Tuple of those.
    """
    return ActionLayout(space, tuple(_action_parts(space)))


def _collect_leaves(prefix: str, space: gym.Space[Any], out: dict[str, gym.Space[Any]]) -> None:
    children: Any
    if isinstance(space, gym.spaces.Dict):
        children = space.spaces.items()
    elif isinstance(space, gym.spaces.Tuple):
        children = enumerate(space.spaces)
    else:
        out[prefix] = space
        return
    for name, child in children:
        _collect_leaves(f"{prefix}/{name}" if prefix else str(name), child, out)


def _collect_values(prefix: str, value: Any, out: dict[str, Any]) -> None:
    children: Any
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, tuple):
        children = enumerate(value)
    else:
        out[prefix] = value
        return
    for name, child in children:
        _collect_values(f"{prefix}/{name}" if prefix else str(name), child, out)


def _key_spec(name: str, leaf: gym.Space[Any]) -> KeySpec:
    if name == MASK_KEY:
        return KeySpec("mask", (int(np.prod(leaf.shape or ())),), np.dtype(np.int8), leaf)
    if isinstance(leaf, gym.spaces.Box):
        dtype = np.dtype(np.float32) if leaf.dtype == np.float64 else np.dtype(leaf.dtype)
        dtype = np.dtype(np.int32) if dtype == np.int64 else dtype
        axis = _channel_axis(leaf.shape)
        if axis is not None:
            shape = leaf.shape if axis == -1 else (*leaf.shape[1:], leaf.shape[0])
            return KeySpec("image", shape, dtype, leaf, channel_axis=axis)
        return KeySpec("vector", (int(np.prod(leaf.shape)),), dtype, leaf)
    if isinstance(leaf, gym.spaces.Discrete):
        return KeySpec("integer", (1,), np.dtype(np.int32), leaf, categories=(int(leaf.n),))
    if isinstance(leaf, gym.spaces.MultiDiscrete):
        categories = tuple(int(n) for n in leaf.nvec.reshape(-1))
        kind: Kind = "text" if isinstance(leaf, TextSpace) else "integer"
        return KeySpec(kind, (len(categories),), np.dtype(np.int32), leaf, categories=categories)
    if isinstance(leaf, gym.spaces.MultiBinary):
        return KeySpec("vector", (int(np.prod(leaf.shape)),), np.dtype(np.int8), leaf)
    raise ValueError(
        f"observation key {name!r} has the unsupported space {leaf}; use Box, Discrete, MultiDiscrete or MultiBinary"
    )


def _channel_axis(shape: tuple[int, ...]) -> int | None:
    """Where a rank-3 box has its channels; None if it is not an image."""
    if len(shape) != 3 or min(shape[0], shape[2]) > _MAX_IMAGE_CHANNELS:
        return None
    return 0 if shape[0] < shape[2] else -1


def _action_parts(space: gym.Space[Any]) -> list[ActionPart]:
    if isinstance(space, gym.spaces.Discrete):
        return [ActionPart("categorical", int(space.n), space)]
    if isinstance(space, gym.spaces.MultiDiscrete):
        starts = space.start.reshape(-1)
        return [
            ActionPart("categorical", int(n), gym.spaces.Discrete(int(n), start=int(start)))
            for n, start in zip(space.nvec.reshape(-1), starts, strict=True)
        ]
    if isinstance(space, gym.spaces.Box) and np.issubdtype(space.dtype, np.floating):
        return [ActionPart("gaussian", int(np.prod(space.shape)), space)]
    if isinstance(space, gym.spaces.Tuple):
        return [part for child in space.spaces for part in _action_parts(child)]
    raise ValueError(f"unsupported action space {space}; use Discrete, MultiDiscrete, float Box or a Tuple of those")


def _decode(space: gym.Space[Any], flat: np.ndarray, at: int) -> tuple[Any, int]:
    if isinstance(space, gym.spaces.Discrete):
        return int(flat[at]) + int(space.start), at + 1
    if isinstance(space, gym.spaces.MultiDiscrete):
        size = space.nvec.size
        return (flat[at : at + size].astype(space.dtype).reshape(space.shape) + space.start), at + size
    if isinstance(space, gym.spaces.Box):
        size = int(np.prod(space.shape))
        values = flat[at : at + size].reshape(space.shape).astype(space.dtype)
        return np.clip(values, space.low, space.high), at + size
    assert isinstance(space, gym.spaces.Tuple)
    members = []
    for child in space.spaces:
        member, at = _decode(child, flat, at)
        members.append(member)
    return tuple(members), at


def _encode(space: gym.Space[Any], action: Any) -> list[float]:
    if isinstance(space, gym.spaces.Discrete):
        return [int(action) - int(space.start)]
    if isinstance(space, gym.spaces.MultiDiscrete):
        return list((np.asarray(action) - space.start).reshape(-1))
    if isinstance(space, gym.spaces.Box):
        return list(np.asarray(action).reshape(-1))
    assert isinstance(space, gym.spaces.Tuple)
    return [value for child, member in zip(space.spaces, action, strict=True) for value in _encode(child, member)]
