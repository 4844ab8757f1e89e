#!/usr/bin/env python3
"""config/schema/mapping.schema.json accepts what the compiler accepts and refuses what is wrong at sight.

Good: the shipped profiles, the demo's site, every good-* case, and each whole file in mapping/README.md. Wrong: every
other case. Exit status 77 (skipped) where Debian's python3-jsonschema or python3-yaml is missing.
"""
import glob
import json
import os
import re
import sys

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"skipped: {missing}; install python3-jsonschema and python3-yaml")
    sys.exit(77)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
os.chdir(ROOT)
with open("config/schema/mapping.schema.json", encoding="utf-8") as f:
    schema = json.load(f)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
failures = []


def text_keys(node):
    """JSON knows text keys only; YAML's {0: false} has numbers."""
    if isinstance(node, dict):
        return {str(key): text_keys(value) for key, value in node.items()}
    return [text_keys(item) for item in node] if isinstance(node, list) else node


def mistakes(text):
    return [f"{'/'.join(map(str, e.path))}: {e.message[:200]}" for e in validator.iter_errors(text_keys(yaml.safe_load(text)))]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


good = {path: read(path) for path in [
    *glob.glob("mapping/profiles/*/*.yaml"), *glob.glob("config/demo/site/devices.d/*.yaml"),
    *glob.glob("tests/cases/mapping/good-*/devices.d/*.yaml"), *glob.glob("tests/cases/mapping/good-*/profiles/**/*.yaml", recursive=True)]}
blocks = re.findall(r"^```yaml\n(.*?)^```", read("mapping/README.md"), re.M | re.S)
good.update({f"mapping/README.md, file {n + 1}": block for n, block in enumerate(b for b in blocks if b.startswith("format: 1"))})
if len(good) < 12:
    failures.append(f"only {len(good)} files were found")
for path, text in good.items():
    failures += [f"{path} is refused: {m}" for m in mistakes(text)]

# Each whole file that the README shows is one of a case, so that it is known to compile.
shown = [block for block in blocks if block.startswith("format: 1")]
failures += [f"mapping/README.md shows a file that no good-* case has: {block[:80]}…" for block in shown
             if block not in [text for path, text in good.items() if path.startswith("tests/")]]

# Each wrong case is refused by the schema too, or says in a file `compiler-only` why the schema cannot know.
wrong = [name for name in sorted(os.listdir("tests/cases/mapping")) if not name.startswith("good-")]
for case in wrong:
    folder = f"tests/cases/mapping/{case}"
    files = [*glob.glob(f"{folder}/devices.d/*.yaml"), *glob.glob(f"{folder}/profiles/**/*.yaml", recursive=True)]
    seen = [f"{file}: {mistake}" for file in files for mistake in mistakes(read(file))]
    excused = os.path.exists(f"{folder}/compiler-only")
    if excused and not read(f"{folder}/compiler-only").strip():
        failures.append(f"{folder}/compiler-only gives no reason")
    if excused and seen:
        failures.append(f"{folder}: the schema sees what only the compiler should: {seen[0]}")
    if not excused and not seen:
        failures.append(f"{folder}: the schema sees no mistake; mend it, or say why in a file compiler-only")
if len(wrong) < 40:
    failures.append(f"only {len(wrong)} wrong cases were found")

print("\n".join(failures) if failures else f"{len(good)} good files and {len(wrong)} wrong cases are told apart")
sys.exit(1 if failures else 0)
