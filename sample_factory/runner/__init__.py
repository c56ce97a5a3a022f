"""From one training run to a study: many runs, and what came of them."""
