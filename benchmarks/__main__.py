"""Runs the benchmarks named on the command line, or all: `python -m benchmarks idle`."""

import sys

from benchmarks import idle, turns, voice

BENCHMARKS = {
    "idle": idle.run,
    "reply": turns.reply,
    "webhook": turns.answer,
    "voice": voice.run,
}


def main() -> None:
    """Run what was asked for, in the order of the table."""
    asked = sys.argv[1:] or list(BENCHMARKS)
    unknown = [name for name in asked if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    for name in asked:
        BENCHMARKS[name]()


if __name__ == "__main__":
    main()
