"""Where experiments run: one module for each kind of place. Know nothing of the order in which they run."""
