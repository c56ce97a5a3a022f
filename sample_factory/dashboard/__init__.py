"""A page that shows the experiments below a folder."""
