#!/usr/bin/env python3
"""Turns ctest's JUnit file into lines `passed|failed|skipped<TAB>name<TAB>reason`, and shows what failed.

    tests/read_ctest.py STAGE JUNIT_FILE >>RESULTS          the failing tests' own output goes to stderr
"""

import re
import sys
import xml.etree.ElementTree as xml

SHOWN = 120  # lines of a failing test's output


def reason(output):
    """Why a test was skipped: what GTEST_SKIP() said, or a script's line `skipped: …`."""
    said = re.search(r"^.*: Skipped\n((?:.+\n)*?)(?:\n|\[)", output, re.M) or re.search(r"^skipped: (.*)$", output, re.M)
    return " ".join(said.group(1).split()) if said else "no reason given"


def main():
    stage, file = sys.argv[1:]
    for case in xml.parse(file).getroot().iter("testcase"):
        name = f"{stage} {case.get('name')}"
        output = case.findtext("system-out") or ""
        status = case.get("status")
        if status == "run":
            print(f"passed\t{name}\t")
        elif status == "fail":
            failure = case.find("failure")
            why = failure.get("message", "") if failure is not None else ""
            print(f"failed\t{name}\t{' '.join(why.split())}")
            lines = output.rstrip().splitlines()
            if len(lines) > SHOWN:
                lines = [f"… {len(lines) - SHOWN} lines before these …", *lines[-SHOWN:]]
            print(f"\n---- {name} failed: {why}", *lines, sep="\n", file=sys.stderr)
        elif status == "disabled":
            print(f"skipped\t{name}\tdisabled")
        else:
            print(f"skipped\t{name}\t{reason(output)}")


if __name__ == "__main__":
    main()
