"""Read, Discover, Write, Write-Attributes, Execute on own and prefixed paths (OMA Core 1.2 6.3, Gateway 1.1 8.3)."""
import math
import struct
import time

import formats
from harness import check, equal, until
from plant import KINDS, Plant

TEMPERATURE = "/plant/3303/0/5700"


def values_of(plant, path, form):
    answer = plant.peer.ask(f"read {path} accept {form}")
    equal(answer.get("code", answer.get("failed")), "2.05", f"read {path} as {form}")
    equal(answer.get("cf"), form, f"content format of {path}")
    return formats.decode(form, bytes.fromhex(answer["hex"]), path, KINDS)


def close(a, b):
    return math.isclose(a, b, rel_tol=1e-6)


def test_a_resource_in_every_single_value_format(stage):
    plant = Plant(stage).ready()
    for form in (formats.TEXT, formats.CBOR, *formats.HIERARCHICAL):
        got = values_of(plant, TEMPERATURE, form)
        equal(list(got), [TEMPERATURE], f"paths in format {form}")
        check(close(got[TEMPERATURE], 21.3), f"format {form}: {got}")
    equal(plant.peer.read(TEMPERATURE), "21.3", "exactly, not 21.300000000000001")
    equal(values_of(plant, "/plant/3303/0/5701", formats.TEXT), {"/plant/3303/0/5701": "Cel"})
    equal(values_of(plant, "/plant/3312/0/5850", formats.TEXT), {"/plant/3312/0/5850": False})
    check(close(values_of(plant, "/plant/3305/0/5800", formats.CBOR)["/plant/3305/0/5800"], 1250.5), "float32, words swapped")
    check(close(values_of(plant, "/plant/3305/0/5805", formats.LWM2M_CBOR)["/plant/3305/0/5805"], 123456), "uint64")
    equal(plant.peer.read("/plant/3/0/2"), "SN-00042", "serial number out of registers")


def test_every_level_in_every_format_says_the_same(stage):
    plant = Plant(stage).ready()
    stable = lambda got: {p: v for p, v in got.items() if not p.endswith(("/5518", "/5601", "/5602", "/6042", "3/0/10", "3/0/13"))}  # noqa: E731
    for path in ("/plant/3303", "/plant/3303/0", "/plant/3312/0", "/plant/3/0", "/plant/3308", "/25", "/25/0", "/3/0", "/1/0"):
        known = {form: stable(values_of(plant, path, form)) for form in formats.HIERARCHICAL}
        first = known[formats.SENML_JSON]
        check(first, f"{path} is empty")
        for p in first:
            check(p.startswith(path + "/"), f"{path}: {p} lies outside")
        for form, got in known.items():
            equal(sorted(got), sorted(first), f"{path} in {formats.HIERARCHICAL[form]}")
            for p, value in got.items():
                same = close(value, first[p]) if isinstance(value, float) else value == first[p]
                check(same, f"{p}: {value!r} in {formats.HIERARCHICAL[form]}, {first[p]!r} in SenML JSON")


def test_without_accept_the_client_chooses(stage):
    plant = Plant(stage).ready()
    answer = plant.peer.ask(f"read {TEMPERATURE}")
    got = formats.decode(answer.get("cf", 0), bytes.fromhex(answer["hex"]), TEMPERATURE, KINDS)
    check(close(got[TEMPERATURE], 21.3), got)
    answer = plant.peer.ask("read /plant/3303/0")
    check(answer["cf"] in formats.HIERARCHICAL, answer)


def test_a_format_that_cannot_be_is_4_06(stage):
    plant = Plant(stage).ready()
    equal(plant.peer.code(f"read {TEMPERATURE} accept 9999"), "4.06")
    equal(plant.peer.code("read /plant/3303/0 accept 0"), "4.06", "text of an instance")


def test_object_25_tells_who_is_there(stage):
    # GW-001, GW-003, GW-005, GW-011, GW-012, GW-013, GW-014
    plant = Plant(stage).ready()
    got = values_of(plant, "/25/0", formats.SENML_JSON)
    equal((got["/25/0/0"], got["/25/0/1"]), ("plant-1", "plant"))
    links = formats.links(got["/25/0/3"])
    for path in ("/3/0", "/3303/0", "/3305/0", "/3308/0", "/3308/1", "/3312/0"):
        check(path in links, f"{path} is not in {got['/25/0/3']}")
    for path in links:
        check(path.split("/")[1].isdigit(), f"{path} carries a prefix")
    equal(plant.peer.code("write /25/0/1 other"), "4.05", "the prefix is read-only")
    equal(plant.peer.code("raw POST /25 cf 11542 payload "), "4.05", "no Create on /25")
    equal(plant.peer.code("raw DELETE /25/0"), "4.05", "no Delete on /25")


def test_what_to_brings_by_itself(stage):
    # OBJ-007, OBJ-011, OBJ-012
    plant = Plant(stage).ready()
    got = values_of(plant, "/plant/3303/0", formats.SENML_JSON)
    equal(got["/plant/3303/0/5701"], "Cel")
    equal((got["/plant/3303/0/5603"], got["/plant/3303/0/5604"]), (-40, 125), "range")
    equal(got["/plant/3303/0/6042"], 4, "quality")
    check(abs(got["/plant/3303/0/5518"] - time.time()) < 60, "time of the measurement")
    plant.slaves.set(1, "holding", 0, 305)
    plant.peer.wait_value(TEMPERATURE, "30.5")
    plant.slaves.set(1, "holding", 0, 150)
    plant.peer.wait_value(TEMPERATURE, "15")
    got = values_of(plant, "/plant/3303/0", formats.SENML_JSON)
    check(close(got["/plant/3303/0/5601"], 15) and close(got["/plant/3303/0/5602"], 30.5), f"least and most: {got}")
    equal(plant.peer.code("execute /plant/3303/0/5605"), "2.04")
    got = values_of(plant, "/plant/3303/0", formats.SENML_JSON)
    check(close(got["/plant/3303/0/5602"], 15), f"after the reset: {got}")


def test_invalid_and_out_of_range_values_lower_the_quality(stage):
    plant = Plant(stage).ready()
    plant.slaves.set(1, "holding", 0, 0x8000)
    plant.peer.wait_value("/plant/3303/0/6042", "1")
    plant.slaves.set(1, "holding", 0, 9999)  # 999.9 degrees
    plant.peer.wait_value("/plant/3303/0/6042", "2")
    plant.slaves.set(1, "holding", 0, 65534)
    plant.peer.wait_value(TEMPERATURE, "-0.2")


def test_discover(stage):
    plant = Plant(stage).ready()

    def discover(path, more=""):
        answer = plant.peer.ask(f"discover {path} {more}")
        equal((answer["code"], answer["cf"]), ("2.05", 40), f"discover {path}")
        return formats.links(answer["text"])

    found = discover("/plant/3303")
    check({"/3303", "/3303/0", "/3303/0/5700"} <= set(found), f"no prefix in the links, but: {list(found)}")
    check("dim" not in found["/3303/0/5700"], found)
    found = discover("/plant/3303/0")
    check("/3303/0/5605" in found, "executables are discovered too")
    equal(list(discover("/plant/3303/0/5700")), ["/3303/0/5700"])
    equal(list(discover("/plant/3303/0", "depth 0")), ["/3303/0"])
    equal(discover("/25")["/25"].get("ver"), "2.0")
    equal(plant.peer.code("raw PUT /plant/3303/0/5700 query pmin=5&pmax=60&gt=25"), "2.04")
    attributes = discover("/plant/3303/0")["/3303/0/5700"]
    equal((attributes.get("pmin"), attributes.get("pmax"), attributes.get("gt")), ("5", "60", "25"))


def test_a_write_reaches_the_device_once_and_is_read_back(stage):
    plant = Plant(stage).ready()
    plant.slaves.ctl("forget")
    equal(plant.peer.code("write /plant/3312/0/5850 1"), "2.04")
    writes = plant.slaves.requests(fc=5)
    equal([(w["addr"], w["raw"][-4:]) for w in writes], [(0, "ff00")], "function 5")
    equal(plant.slaves.get(1, "coils", 0), [1])
    equal(plant.peer.read("/plant/3312/0/5850"), "1", "no older poll overwrites it")

    equal(plant.peer.code("write /plant/3308/0/5900 12.5"), "2.04")
    writes = plant.slaves.requests(fc=16)
    equal([(w["addr"], w["qty"]) for w in writes], [(100, 1)], "function 16")
    equal(plant.slaves.get(1, "holding", 100), [125])

    equal(plant.peer.code("write /plant/3308/1/5900 77"), "2.04")
    equal([(w["addr"], w["raw"][-4:]) for w in plant.slaves.requests(fc=6)], [(110, "004d")], "function 6")


def test_writes_in_every_format(stage):
    plant = Plant(stage).ready()
    path = "/plant/3308/1/5900"
    bodies = {
        formats.TEXT: b"11",
        formats.CBOR: b"\x0c",
        formats.SENML_JSON: b'[{"n":"/plant/3308/1/5900","v":13}]',
        formats.SENML_CBOR: bytes.fromhex("81a20072") + b"/plant/3308/1/5900" + bytes.fromhex("020e"),
        formats.TLV: bytes.fromhex("e4170c") + struct.pack(">f", 15),
        formats.LWM2M_CBOR: bytes.fromhex("a18465706c616e74190cec0119170c10"),
    }
    for wanted, (form, body) in enumerate(bodies.items(), 11):
        equal(plant.peer.code(f"write-format {path} {form} {body.hex()}"), "2.04", f"format {form}")
        equal(plant.slaves.get(1, "holding", 110), [wanted], f"format {form}")
    # Names without prefix are taken as the Uri-Path's (gateway digest 8), another prefix is refused.
    equal(plant.peer.code(f"write-format {path} 110 " + b'[{"n":"/3308/1/5900","v":21}]'.hex()), "2.04")
    equal(plant.slaves.get(1, "holding", 110), [21])
    equal(plant.peer.code(f"write-format {path} 110 " + b'[{"n":"/other/3308/1/5900","v":22}]'.hex()), "4.00")
    equal(plant.peer.code(f"write-format {path} 9999 00"), "4.15")
    equal(plant.slaves.get(1, "holding", 110), [21])


def test_partial_update_of_an_instance(stage):
    plant = Plant(stage).ready()
    body = b'[{"bn":"/plant/3308/0/","n":"5900","v":9.5}]'
    equal(plant.peer.code(f"update /plant/3308/0 110 {body.hex()}"), "2.04")
    equal(plant.slaves.get(1, "holding", 100), [95])


def test_limits_are_checked_before_anything_reaches_the_bus(stage):
    plant = Plant(stage).ready()
    plant.slaves.ctl("forget")
    for value in ("5.9", "32.1", "7.05"):  # below, above, off the step
        answer = plant.peer.ask(f"write /plant/3308/0/5900 {value}")
        equal(answer["code"], "4.00", value)
    check(plant.peer.ask("write /plant/3308/0/5900 99")["text"], "no diagnostic text")
    equal(plant.peer.code("write /plant/3308/0/5900 high"), "4.00", "no number")
    equal(plant.peer.code("write /plant/3312/0/5850 2"), "4.00", "no Boolean")
    equal(plant.slaves.requests(fc=16) + plant.slaves.requests(fc=5), [], "requests at the device")


def test_execute_runs_the_action_once(stage):
    plant = Plant(stage).ready()
    plant.slaves.ctl("forget")
    equal(plant.peer.code("execute /plant/3305/0/5822"), "2.04")
    writes = plant.slaves.requests(addr=120)
    equal(len(writes), 1, "writes at the device")
    equal(plant.slaves.get(1, "holding", 120), [0x5AA5])
    equal(plant.peer.code("execute /plant/3/0/4"), "2.04")
    equal(plant.slaves.get(1, "coils", 15), [1])
    check(plant.gateway.running(), "the reboot of a device is not ours")


def test_written_attributes_belong_to_the_prefixed_path_alone(stage):
    plant = Plant(stage).ready()
    equal(plant.peer.code("attributes /plant/3/0 pmin=7"), "2.04")
    check("pmin" not in plant.peer.ask("discover /3")["text"], "the gateway's own /3/0 got it too")
    check("pmin=7" in plant.peer.ask("discover /plant/3")["text"], "not kept")
    equal(plant.peer.code("attributes /plant/3/0 pmin=9&pmax=x"), "4.00")
    equal(plant.peer.code(f"attributes {TEMPERATURE} gt=50&lt=60&st=10"), "4.00", "lt + 2 st must be below gt")  # CORE 7.3.2


def test_own_objects(stage):
    plant = Plant(stage).ready()
    equal(plant.peer.read("/1/0/1"), "60", "lifetime")
    check("U" in plant.peer.read("/3/0/16"), "binding")
    check(plant.peer.read("/3/0/0"), "manufacturer")
    equal(plant.peer.code("write /1/0/2 5"), "2.04")
    equal(plant.peer.read("/1/0/2"), "5", "default pmin")


def test_a_long_answer_comes_in_blocks(stage):
    # GW-003, GW-005, GW-018, CORE-030
    devices = [f"{{id: plant-number-{n:03}, profile: test/plant@1, link: field, unit: {n}, prefix: p{n}}}" for n in range(1, 41)]
    import plant as p
    plant = p.Plant(stage, units={n: p.unit() for n in range(1, 41)}, devices=devices).start()
    for form in formats.HIERARCHICAL:
        got = values_of(plant, "/25", form)
        ids = {v for path, v in got.items() if path.endswith("/0") and path.count("/") == 3}
        equal(len(ids), 40, f"devices in {formats.HIERARCHICAL[form]}")
    links = formats.links(plant.registration["links"])
    equal(len([p for p in links if p.startswith("/25/")]), 40, "instances in the registration, sent in blocks")


def test_neighbours_share_a_request(stage):
    plant = Plant(stage).ready()
    plant.slaves.ctl("forget")
    until("ten polls", lambda: len(plant.slaves.requests(fc=3)) >= 10, 15)
    polls = plant.slaves.requests(fc=3)
    asked = [(r.get("addr"), r.get("qty")) for r in polls]
    check((0, 7) in asked, f"holding 0..6 is one request, not {asked[:6]}")


def test_rtu_over_a_serial_line(stage):
    plant = Plant(stage, rtu=True).ready()
    equal(plant.peer.code("write /plant/3312/0/5850 1"), "2.04")
    equal(plant.slaves.get(1, "coils", 0), [1])
    equal(plant.peer.code("write /plant/3308/0/5900 8"), "2.04")
    equal(plant.slaves.get(1, "holding", 100), [80])
    plant.slaves.set(1, "holding", 0, 188)
    plant.peer.wait_value(TEMPERATURE, "18.8")
    summary = plant.slaves.ctl("summary")
    equal(summary["errors"], {}, "errors on the line")
    equal(summary["gap_violations"], 0, "silences below 3.5 characters")
