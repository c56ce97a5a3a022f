"""A policy for the Hugging Face hub: a repository that is a collection of one, with a model card. Knows no token.

What is uploaded is made without the network and without the hub's package.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from sample_factory.algorithms.appo.exported_folder import missing_package
from sample_factory.trained_policies.add import README
from sample_factory.trained_policies.index import INDEX_FILE, VIDEO_FILE, Entry, write_index
from sample_factory.trained_policies.pull import read_checked
from sample_factory.trained_policies.sources import Source


def make_repository(source: Source, entry: Entry, repo_id: str, folder: Path) -> list[Path]:
    """Write everything that is uploaded into `folder`; returns its files, relative to it.

    Raises:
        ValueError: one line: a file is missing or is not what the index says.
    """
    (folder / entry.name).mkdir()
    for name in entry.files:
        (folder / entry.name / name).write_bytes(read_checked(source, entry, name))
    # A second one, because the hub shows a video of this name beside the card.
    shutil.copyfile(folder / entry.name / VIDEO_FILE, folder / VIDEO_FILE)
    (folder / INDEX_FILE).write_text(write_index([entry]), encoding="utf-8")
    (folder / README).write_text(model_card(entry, repo_id), encoding="utf-8")
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def upload(folder: Path, repo_id: str, private: bool) -> str:
    """Upload a folder as whoever is logged in; returns the address of the repository.

    Raises:
        ValueError: one line: the package is missing, or the hub refuses.
    """
    try:
        # Only here, because the package is optional.
        import huggingface_hub
    except ModuleNotFoundError as error:
        raise missing_package("push", error, "hub") from None
    try:
        huggingface_hub.create_repo(repo_id, private=private, exist_ok=True)
        huggingface_hub.upload_folder(repo_id=repo_id, folder_path=folder)
    except Exception as error:  # of its HTTP client, or its own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(f"cannot upload to {repo_id}: {reason}") from error
    return f"https://huggingface.co/{repo_id}"


def model_card(entry: Entry, repo_id: str) -> str:
    """README.md of the repository, with what the hub reads from its head."""
    score = entry.score
    return f"""\
---
library_name: sample-factory
tags:
- reinforcement-learning
- deep-reinforcement-learning
- sample-factory
- {_quoted(entry.env)}
model-index:
- name: APPO
  results:
  - task:
      type: reinforcement-learning
      name: reinforcement-learning
    dataset:
      name: {_quoted(entry.env)}
      type: {_quoted(entry.env)}
    metrics:
    - type: mean_reward
      name: mean {score.of.replace("_", " ")}
      value: {_quoted(f"{score.mean:.4g} +/- {score.standard_error:.2g}")}
      verified: false
---

# {entry.name}

A policy for the environment `{entry.env}`, trained with asynchronous PPO by Sample Factory in {entry.frames} frames
({entry.time}).

![{entry.name}]({VIDEO_FILE})

Mean {score.of.replace("_", " ")} of {score.episodes} episodes, with its standard error: **{score}**
({"the most probable" if score.deterministic else "random"} actions).

Get it, play it:

```
pip install 'sample-factory[hub,export]'
python -m sample_factory.trained_policies pull --source=hf://{repo_id} --name={entry.name}
python -m sample_factory.algorithms.appo.enjoy_appo --experiment={entry.name}
```

Trained with:

```
{entry.train}
```

The folder `{entry.name}` has the weights (safetensors), the options of the training (`cfg.json`) and how to act with
the network in words and numbers (`policy.json`). `index.json` has the SHA-256 of each file.
"""


def _quoted(text: str) -> str:
    return json.dumps(text)  # which is YAML as well
