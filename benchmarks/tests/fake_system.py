"""A training system that only prints a counter, and behaves as badly as real ones. Knows nothing of the harness.

python fake_system.py FRAMES_PER_LINE NUM_LINES [orphan FILE] [crash] [silent]
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time

_ORPHAN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def main() -> None:
    """Print `NUM_LINES` counters, 20 a second."""
    frames_per_line, num_lines, tricks = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "orphan" in tricks:  # in a session of its own, holding our output open
        orphan = subprocess.Popen([sys.executable, "-c", _ORPHAN], start_new_session=True)
        with open(tricks[tricks.index("orphan") + 1], "w") as file:
            file.write(str(orphan.pid))
    print("Fps is (10 sec: nan). Total num frames: 0.")
    for line in range(1, num_lines + 1):
        time.sleep(0.05)
        shown = 0 if "silent" in tricks else line * frames_per_line
        print(f"\x1b[36mFps is (10 sec: 999999.9, 60 sec: nan). Total num frames: {shown}. Throughput: 0: 1.5\x1b[0m")
    if "crash" in tricks:
        raise RuntimeError("the fake system breaks")


if __name__ == "__main__":
    main()
