"""Settings of all tests."""

from __future__ import annotations

import hypothesis

# How long an example takes says something about the machine, not about the code.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")
