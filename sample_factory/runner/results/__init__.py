"""Results of many experiments together: a table, statistics over seeds, learning curves, the best setting."""
