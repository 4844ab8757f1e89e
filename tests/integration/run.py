#!/usr/bin/env python3
"""Integration tests: the real gateway between real processes.

    run.py                      all topics
    run.py TOPIC... [-k WORD]   some of them, only the cases with WORD in their name
    run.py --list

GATEWAY_BUILD names the build folder (build/release), GATEWAY_TEST_SLOWNESS stretches every deadline.
The last line is `N passed, N failed, N skipped`; exit status 0 when none failed.
"""
import argparse
import importlib
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import harness  # noqa: E402


def topics():
    return sorted(f.removesuffix("_test.py") for f in os.listdir(HERE) if f.endswith("_test.py"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("topic", nargs="*", help=", ".join(topics()))
    parser.add_argument("-k", metavar="WORD", help="only cases with this in their name")
    parser.add_argument("--list", action="store_true", help="say what there is")
    arguments = parser.parse_args()
    unknown = set(arguments.topic) - set(topics())
    if unknown:
        parser.error(f"no topic {', '.join(unknown)}; there are {', '.join(topics())}")
    total, started = [0, 0, 0], time.monotonic()
    for topic in arguments.topic or topics():
        cases = harness.cases_of(importlib.import_module(topic + "_test"))
        if arguments.list:
            print("\n".join(f"{topic}: {name.removeprefix('test_').replace('_', ' ')}" for name, _ in cases))
            continue
        total = [a + b for a, b in zip(total, harness.run_cases(topic, cases, arguments.k))]
    if not arguments.list:
        print(f"integration: {time.monotonic() - started:.0f} s")
        print("{} passed, {} failed, {} skipped".format(*total))
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
