"""Studies that come with the package: `--run=<name of a module here>`. Know nothing about how they are run."""
