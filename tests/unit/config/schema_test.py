"""config/schema/gateway.schema.json accepts and refuses what the reader does: the examples that config_test reads too.

Exit status 77 (skipped) where Debian's python3-jsonschema or python3-yaml is missing.
"""
import json
import pathlib
import sys

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"SKIPPED: {missing}; install python3-jsonschema and python3-yaml")
    sys.exit(77)

here = pathlib.Path(__file__).resolve().parent
root = here.parents[2]
schema = json.loads((root / "config/schema/gateway.schema.json").read_text())
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)


def mistakes(path):
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in validator.iter_errors(yaml.safe_load(path.read_text()))]


good = sorted((here / "examples/good").glob("*.yaml")) + [root / "config/gateway.yaml", root / "config/demo/site/gateway.yaml"]
bad = sorted((here / "examples/bad").glob("*.yaml"))
wrong = [f"{path.relative_to(root)}: refused: {mistakes(path)}" for path in good if mistakes(path)]
wrong += [f"{path.relative_to(root)}: accepted" for path in bad if not mistakes(path)]
print("\n".join(wrong) or f"{len(good)} accepted, {len(bad)} refused, as they should be")
sys.exit(1 if wrong or not bad else 0)
