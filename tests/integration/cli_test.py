"""The verbs: check, explain, simulate, run; the same refusal by check and run."""
import json
import os
import re
import shutil
import signal

from harness import BUILD, ROOT, check, equal, free_tcp_port, until
from plant import Gateway, Plant, Slaves, run_verb


def site(stage, gateway=None, devices=None):
    plant = Plant(stage, peer=False, uri="coap://127.0.0.1:9")
    if gateway is not None:
        stage.write("config/gateway.yaml", gateway)
    if devices is not None:
        stage.write("config/devices.d/plant.yaml", devices)
    return plant.arguments()


def refused(stage, *wanted, **files):
    """`check` ends with status 1 and `run` with 78 (the unit does not try again), with the same lines, which hold `wanted`."""
    arguments = site(stage, **files)
    status, out, err = run_verb("check", *arguments[:2], *arguments[4:])
    said = (out + err).strip()
    equal(status, 1, f"exit status of check, which said:\n{said}\n")
    for part in wanted:
        check(re.search(part, said), f"/{part}/ is not in:\n{said}")
    status, out, err = run_verb("run", *arguments)
    equal(status, 78, "exit status of run")
    mistakes = [line for line in said.splitlines() if re.match(r"[\w./-]+:\d+:\d+: ", line)]
    check(mistakes, f"no file:line:col in:\n{said}")
    for line in mistakes:
        check(line in out + err, f"run does not say: {line}\nbut:\n{out + err}")


GOOD = """\
format: 1
gateway: test-gateway
servers:
  main: {uri: "coap://127.0.0.1:9", security: nosec, lifetime: 60s}
links:
  field: {modbus: "tcp://127.0.0.1:1502"}
"""
DEVICE = "format: 1\ndevices:\n  - {id: a, profile: test/plant@1, link: field, unit: 1, prefix: one}\n"


def test_a_good_site_passes(stage):
    status, out, err = run_verb("check", *site(stage, GOOD, DEVICE)[:2])
    equal(status, 0, f"exit status, with\n{out}{err}")
    check("1 server, 1 link, 1 device: no mistakes" in out, out)


def test_check_and_explain_for_programs(stage):
    arguments = site(stage, GOOD, DEVICE)[:2]
    status, out, _ = run_verb("check", *arguments, "--json")
    equal(status, 0)
    said = json.loads(out)
    check(said["ok"] and said["devices"] == 1 and said["links"][0]["name"] == "field", said)
    status, out, _ = run_verb("explain", *arguments, "--json")
    equal(status, 0)
    device = json.loads(out)["devices"][0]
    equal(device["id"], "a")
    check(any(r["path"] == "/3303/0/5700" and r["point"] == "temperature" for r in device["resources"]), device)
    check(any("holding" in r["request"] and r.get("every_ms") == 200 for r in device["requests"]), device)
    stage.write("config/gateway.yaml", GOOD.replace("60s", "60"))
    status, out, _ = run_verb("check", *arguments, "--json")
    equal(status, 1)
    said = json.loads(out)
    check(not said["ok"] and any("gateway.yaml:4" in line for line in said["mistakes"]), said)


def test_a_bus_that_cannot_carry_its_polls_is_refused(stage):
    gateway = GOOD.replace('{modbus: "tcp://127.0.0.1:1502"}', '{modbus: "rtu:/dev/null", line: "1200 8E1"}')
    refused(stage, r"\.yaml:\d+:\d+: .*%", gateway=gateway)


def test_unknown_keys(stage):
    refused(stage, r"gateway\.yaml:3:\d+: .*servres", "servers", gateway=GOOD.replace("servers", "servres"))


def test_duplicate_keys(stage):
    refused(stage, r"gateway\.yaml:3:\d+: .*gateway", gateway=GOOD.replace("servers:", "gateway: twice\nservers:"))


def test_nosec_must_be_written_out(stage):
    refused(stage, r"gateway\.yaml:4:\d+: ", "security", gateway=GOOD.replace(" security: nosec,", ""))


def test_bare_numbers_are_no_spans(stage):
    refused(stage, r"gateway\.yaml:4:\d+: .*60", gateway=GOOD.replace("60s", "60"))


def test_unknown_link_profile_and_missing_secret(stage):
    refused(stage, r"devices\.d/plant\.yaml:3:\d+: .*filed", devices=DEVICE.replace("field", "filed"))


def test_unknown_profile(stage):
    refused(stage, r"devices\.d/plant\.yaml:3:\d+: .*test/plnat", devices=DEVICE.replace("test/plant@1", "test/plnat@1"))


def test_missing_secret(stage):
    refused(stage, r"gateway\.yaml:4:\d+: .*nothere", gateway=GOOD.replace("coap://127.0.0.1:9\", security: nosec", "coaps://127.0.0.1:9\", security: psk, "
                                                                           "identity: x, key: \"${secret:nothere}\""))


def test_bad_prefixes(stage):
    for prefix in ("\"123\"", "rd", "bs", "a/b"):
        refused(stage, r"devices\.d/plant\.yaml:3:\d+: .*prefix", devices=DEVICE.replace("prefix: one", f"prefix: {prefix}"))


def test_clashes_are_named(stage):
    refused(stage, r"plant\.yaml:4:\d+: ", devices=DEVICE + "  - {id: a, profile: test/plant@1, link: field, unit: 2, prefix: two}\n")
    refused(stage, r"plant\.yaml:4:\d+: ", devices=DEVICE + "  - {id: b, profile: test/plant@1, link: field, unit: 1, prefix: two}\n")
    refused(stage, r"plant\.yaml:4:\d+: ", devices=DEVICE + "  - {id: b, profile: test/plant@1, link: field, unit: 2, prefix: one}\n")


def test_several_mistakes_are_told_at_once(stage):
    refused(stage, "gateway.yaml:4", "plant.yaml:3", gateway=GOOD.replace("60s", "60"), devices=DEVICE.replace("test/plant@1", "test/plnat@1"))


def test_a_missing_folder_is_said(stage):
    status, out, err = run_verb("check", "--config", stage.path("nowhere"))
    check(status in (1, 2), f"exit status {status}")
    check("nowhere" in out + err, out + err)


def test_usage(stage):
    status, out, _ = run_verb("--help")
    equal(status, 0)
    for verb in ("run", "check", "explain", "simulate", "status", "devices", "read", "write", "scan", "trace", "add", "profile", "discover",
                 "reload", "completion"):
        check(re.search(rf"\b{verb}\b", out), f"--help does not tell of {verb}")
    status, out, _ = run_verb("--version")
    check(status == 0 and re.search(r"\d+\.\d+", out), out)
    equal(run_verb("dance")[0], 2, "exit status for an unknown verb")
    equal(run_verb("check")[0], 2, "exit status without --config")


def test_explain_shows_links_requests_and_tree(stage):
    status, out, err = run_verb("explain", *site(stage, GOOD, DEVICE)[:2])
    equal(status, 0, err)
    for part in ("field", "127.0.0.1:1502", r"holding 0\.\.6", "3303", "one"):
        check(re.search(part, out), f"/{part}/ is not in:\n{out}")


def test_an_unknown_adapter_is_refused(stage):
    refused(stage, r"gateway\.yaml:6:\d+: ", "mudbus|adapter", gateway=GOOD.replace("modbus:", "mudbus:"))


def test_only_the_plugins_that_the_site_needs_are_opened(stage):
    """A broken plugin of a protocol that nobody speaks is no harm; one that a link names is a mistake with its place."""
    plugins = stage.path("plugins")
    os.makedirs(plugins)
    shutil.copy(os.path.join(BUILD, "adapters", "modbus.so"), plugins)
    stage.write("plugins/other.so", "this is no ELF file\n")
    arguments = [*site(stage, GOOD, DEVICE)[:2], "--plugins", plugins]
    status, out, err = run_verb("check", *arguments)
    equal(status, 0, out + err)
    check("other.so" not in out + err, "a plugin that is not needed was opened")

    def refuses(expected):
        status, out, err = run_verb("check", *arguments)
        equal(status, 1, out + err)
        check(re.search(r"gateway\.yaml:6:\d+: .*" + expected, out + err), out + err)

    os.rename(os.path.join(plugins, "modbus.so"), os.path.join(plugins, "aside"))
    refuses("no adapter 'modbus'; there are: other")
    stage.write("plugins/modbus.so", "this is no ELF file\n")
    refuses("modbus.so: it cannot be loaded: .*; install the plugin")
    shutil.copy(os.path.join(BUILD, "adapters", "sim.so"), os.path.join(plugins, "modbus.so"))
    refuses("modbus.so: it holds the adapter 'sim', so name it sim.so")


def test_simulate_plays_a_profile(stage):
    profiles = os.path.join(stage.path("config"), "profiles")
    site(stage, GOOD, DEVICE)
    meter = stage.add(Gateway("simulate", "demo/meter", "--tcp", "127.0.0.1:0", "--profiles", os.path.join(ROOT, "mapping", "profiles")))
    found = meter.wait_line(r"listening on 127\.0\.0\.1:(\d+)", 10)
    check(int(found.group(1)) > 0, found.group(0))
    check(os.path.isdir(profiles), "own profiles")
    meter.signal(signal.SIGTERM)
    equal(meter.wait_exit(5), 0, "exit status")


def test_nothing_is_written_outside_the_state_folder(stage):
    plant = Plant(stage).ready()
    plant.gateway.stop()
    found = sorted(os.path.join(d, f) for d, _, files in os.walk(stage.path("config")) for f in files)
    equal([os.path.relpath(f, stage.path("config")) for f in found], ["devices.d/plant.yaml", "gateway.yaml", "profiles/test/plant.yaml"])
