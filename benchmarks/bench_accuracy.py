"""Held-out accuracy of the digits demo over five seeds.

python -m benchmarks.bench_accuracy [--json FILE]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from interactive_train.training.demo import main as train_digits


def main() -> None:
    """Train five times and print every accuracy."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path)
    options.add_argument("--seeds", type=int, default=5)
    given = options.parse_args()
    found = [train_digits(seed, progress=False) for seed in range(given.seeds)]
    print(f"lowest {min(found):.4f}, mean {sum(found) / len(found):.4f} over {len(found)} seeds")
    if given.json:
        given.json.write_text(json.dumps({"held_out_accuracy": found}))


if __name__ == "__main__":
    main()
