"""Games small enough for their best return to be known exactly. Knows no simulator but NumPy."""
