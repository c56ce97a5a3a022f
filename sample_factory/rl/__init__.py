"""Pure reinforcement-learning mathematics and space layouts. Knows no model, no process and no configuration."""
