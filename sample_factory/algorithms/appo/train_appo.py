"""Entry point: `python -m sample_factory.algorithms.appo.train_appo --env=... --experiment=...`."""

import sys

from sample_factory.run_algorithm import main

if __name__ == "__main__":
    sys.exit(main())
