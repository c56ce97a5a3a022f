"""Small programs that use Sample Factory from Python."""
