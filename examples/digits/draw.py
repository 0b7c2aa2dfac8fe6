"""Draw a data set as people would on the page of ``tinyglow collect``, without people: each writer is a seed.

python examples/digits/draw.py -o dataset --count 100
"""

from __future__ import annotations

import argparse

from tinyglow.demo.drawn import write_data_set


def main() -> None:
    """Write the data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--count", type=int, default=100, help="of each digit, each by another hand (default: 100)")
    parser.add_argument("--first-hand", type=int, default=0, help="number of the first hand (default: 0)")
    arguments = parser.parse_args()
    folder = write_data_set(arguments.output, arguments.count, arguments.first_hand)
    print(f"{folder}: each digit by {arguments.count} hands")


if __name__ == "__main__":
    main()
