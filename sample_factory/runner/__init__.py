"""From one training run to a study: many experiments, started, watched and retried. Knows no algorithm."""
