#!/usr/bin/env python3
"""Which requirement is proved by which test: writes a table and counts.

    tests/conformance/conformance.py [--spec FILE] [--out FILE] [--strict] [JUNIT_FILE...]

A test names what it proves by the requirement's id in a comment (`// CORE-042, GW-007`) directly above its TEST or inside
it, a Python case in its docstring or a comment. The JUnit files are ctest's; without any, tests are named but not judged.
Requirements are read from FILE (default ../shared/spec/conformance.csv beside the repository); where it is absent there is
nothing to do. What does not apply to this gateway, and why, stands in not_applicable.csv; a requirement that has a test is
judged by that test all the same.

The last line is `conformance: N passed, N failed, …`. Exit status 1 when a named test failed, an id is unknown, or, with
--strict, a MUST or SHOULD of areas GW, CORE or OBJ has neither test nor reason.
"""

import argparse
import collections
import csv
import pathlib
import re
import sys
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parents[2]
ID = re.compile(r"\b(?:GW|CORE|OBJ|TRANS|ETS)-\d{3,4}\b")
TEST = re.compile(r"^(?:TEST|TEST_F|TEST_P|TYPED_TEST)\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.M)
CASE = re.compile(r"^def (test_\w+)\(", re.M)
COMMENT = re.compile(r"//.*|/\*.*?\*/")
STRICT_AREAS, STRICT_LEVELS = ("GW", "CORE", "OBJ"), ("MUST", "SHOULD")
OUTCOMES = ("pass", "fail", "not run", "no test", "not applicable")


def gtest_names(text):
    """(id, test) pairs of one C++ file. A comment block that touches a TEST from above belongs to it."""
    starts = []  # (line, name): where what belongs to a test begins
    lines = text.splitlines()
    for i, line in enumerate(lines):
        match = TEST.match(line)
        if not match:
            continue
        first = i
        while first > 0 and lines[first - 1].lstrip().startswith("//"):
            first -= 1
        starts.append((first, f"{match[1]}.{match[2]}"))
    for (first, name), end in zip(starts, [s for s, _ in starts[1:]] + [len(lines)]):
        for line in lines[first:end]:
            comments = " ".join(COMMENT.findall(line))
            for found in ID.findall(comments):
                yield found, name


def python_names(text, topic):
    starts = list(CASE.finditer(text))
    for case, end in zip(starts, [c.start() for c in starts[1:]] + [len(text)]):
        label = case[1].removeprefix("test_").replace("_", " ")
        for found in ID.findall(text[case.start():end]):
            yield found, f"{topic}: {label}"


def named_tests():
    names = collections.defaultdict(list)
    for file in sorted((ROOT / "tests/unit").rglob("*.cpp")):
        for requirement, test in gtest_names(file.read_text()):
            if test not in names[requirement]:
                names[requirement].append(test)
    for file in sorted((ROOT / "tests/integration").glob("*_test.py")):
        for requirement, test in python_names(file.read_text(), file.name.removesuffix("_test.py")):
            if test not in names[requirement]:
                names[requirement].append(test)
    return names


def results(files):
    """Test name -> pass, fail or skip. A topic of the integration tests is judged case by case where it tells them."""
    out = {}
    for file in files:
        for case in xml.parse(file).getroot().iter("testcase"):
            name, said = case.get("name"), case.findtext("system-out") or ""
            verdict = {"run": "pass", "fail": "fail"}.get(case.get("status"), "skip")
            out[name] = verdict
            # One case of several with other values: the whole is as good as its worst.
            if several := re.match(r"(?:\w+/)?(\w+\.\w+)/", name):
                whole = out.get(several[1], verdict)
                out[several[1]] = "fail" if "fail" in (whole, verdict) else "pass" if "pass" in (whole, verdict) else verdict
            if name.startswith("integration."):
                topic = name.removeprefix("integration.")
                out[topic] = verdict  # for cases that ctest cut out of the output
                for word, label in re.findall(rf"^(ok|FAILED|skipped) +{topic}: (.*?) \([\d.]+ s\)", said, re.M):
                    out[f"{topic}: {label}"] = {"ok": "pass", "FAILED": "fail", "skipped": "skip"}[word]
    return out


def judge(tests, ran):
    """The worst of what its tests did; one that was not run says nothing as long as another passed."""
    verdicts = [ran.get(test, ran.get(test.split(":")[0]) if ": " in test else None) for test in tests]
    if "fail" in verdicts:
        return "fail"
    return "pass" if "pass" in verdicts else "not run"


def not_applicable():
    """Id or id prefix with * -> reason."""
    with open(ROOT / "tests/conformance/not_applicable.csv", newline="") as file:
        return [(row["id"], row["reason"]) for row in csv.DictReader(file)]


def reason_for(requirement, reasons):
    for pattern, reason in reasons:
        if pattern == requirement or (pattern.endswith("*") and requirement.startswith(pattern[:-1])):
            return reason
        if ".." in pattern:
            first, last = pattern.split("..")
            if first.rsplit("-")[0] == requirement.rsplit("-")[0] and first <= requirement <= last:
                return reason
    return None


def table(rows):
    lines = ["# Requirements and their tests", "",
             "Written by tests/conformance/conformance.py. Tests name requirements by their ids in comments.", ""]
    counts = collections.Counter((row["id"].split("-")[0], row["priority"], row["outcome"]) for row in rows)
    groups = sorted({key[:2] for key in counts}, key=lambda g: (g[0], ("MUST", "SHOULD", "MAY", "n/a").index(g[1])))
    lines += ["| area | level | " + " | ".join(OUTCOMES) + " |", "| --- | --- |" + " --- |" * len(OUTCOMES)]
    for area, level in groups:
        lines.append(f"| {area} | {level} | " + " | ".join(str(counts[area, level, o]) for o in OUTCOMES) + " |")
    lines += ["", "| id | level | requirement | result | tests or reason |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        because = row["reason"] if row["outcome"] == "not applicable" else ", ".join(f"`{t}`" for t in row["tests"])
        text = row["requirement"].replace("|", "\\|")
        lines.append(f"| {row['id']} | {row['priority']} | {text} | {row['outcome']} | {because} |")
    return "\n".join(lines) + "\n", counts, groups


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spec", type=pathlib.Path, default=ROOT.parent / "shared/spec/conformance.csv")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build/conformance.md")
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("junit", nargs="*")
    arguments = parser.parse_args()
    if not arguments.spec.exists():
        print(f"skipped: {arguments.spec} is not there, so there are no requirements to compare with")
        return 0
    names, ran, reasons = named_tests(), results(arguments.junit), not_applicable()
    with open(arguments.spec, newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["tests"] = names.get(row["id"], [])
        row["reason"] = reason_for(row["id"], reasons) or ""
        row["outcome"] = (judge(row["tests"], ran) if row["tests"] else
                          "not applicable" if row["reason"] or row["priority"] == "n/a" else "no test")
        row["reason"] = row["reason"] or ("no procedure is published" if row["priority"] == "n/a" else "")
    text, counts, groups = table(rows)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text)

    print(f"{'area':6}{'level':8}" + "".join(f"{o:>16}" for o in OUTCOMES))
    for area, level in groups:
        print(f"{area:6}{level:8}" + "".join(f"{counts[area, level, o]:16}" for o in OUTCOMES))
    trouble = [f"{row['id']}: {', '.join(t for t in row['tests'] if ran.get(t) == 'fail') or row['tests']} failed"
               for row in rows if row["outcome"] == "fail"]
    known = {row["id"] for row in rows}
    trouble += [f"{i}: no such requirement ({', '.join(tests)})" for i, tests in sorted(names.items()) if i not in known]
    if arguments.strict:
        trouble += [f"{row['id']} ({row['priority']}): no test: {row['requirement']}" for row in rows
                    if row["outcome"] == "no test" and row["id"].split("-")[0] in STRICT_AREAS
                    and row["priority"] in STRICT_LEVELS]
    for line in trouble:
        print(line)
    totals = collections.Counter(row["outcome"] for row in rows)
    print(f"written to {arguments.out}")
    print("conformance: " + ", ".join(f"{totals[o]} {o}" for o in OUTCOMES))
    return 1 if trouble else 0


if __name__ == "__main__":
    sys.exit(main())
