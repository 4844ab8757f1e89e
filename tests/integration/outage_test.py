"""The meter away and back, with broken, late and foreign answers in between (reliability digest)."""
import formats
from harness import check, equal, until
from plant import KINDS, Plant, unit

TEMPERATURE = "/plant/3303/0/5700"
QUALITY = "/plant/3303/0/6042"


def test_a_meter_leaves_and_comes_back(stage):
    plant = Plant(stage).ready()
    plant.peer.ask(f"observe {QUALITY} accept 0")
    plant.slaves.ctl("unit 1 off")
    plant.peer.find(lambda e: e["ev"] == "notification" and e["path"] == QUALITY and e["text"] == "2", 15, 0, "notified quality 2")
    equal(plant.peer.read("/plant/3/0/11/0"), "8", "error code of the end device")
    code = plant.peer.code("write /plant/3312/0/5850 1")
    check(code in ("5.03", "5.04"), f"a write while it is away: {code}")
    answer = plant.peer.ask("read /25/0/1 accept 0")
    equal(answer.get("text"), "plant", "it stays in object 25")
    equal([e for e in plant.peer.passed("updated") if e["objects_sent"]], [], "the registration is not touched")
    plant.slaves.ctl("unit 1 on")
    plant.slaves.set(1, "holding", 0, 190)
    plant.peer.wait_value(TEMPERATURE, "19")
    plant.peer.wait_value(QUALITY, "4")
    equal(plant.slaves.get(1, "coils", 0), [0], "the write of the meantime is not made up for")


def test_a_meter_that_was_never_there_answers_5_03(stage):
    plant = Plant(stage)
    plant.slaves.ctl("unit 1 off")
    plant.start()
    code = plant.peer.code(f"read {TEMPERATURE}")
    check(code in ("5.03", "5.04"), code)
    until("5.03 with a time to wait", lambda: plant.peer.ask(f"read {TEMPERATURE}").get("max_age"), 10)
    plant.slaves.ctl("unit 1 on")
    plant.peer.wait_value(TEMPERATURE, "21.3")


def test_a_connection_that_is_cut_is_made_again(stage):
    plant = Plant(stage).ready()
    for _ in range(3):
        before = plant.slaves.ctl("summary")["connections"]
        plant.slaves.ctl("close_all")
        until("a new connection", lambda: plant.slaves.ctl("summary")["connections"] > before, 15)
        plant.slaves.set(1, "holding", 0, 200 + before)
        plant.peer.wait_value(TEMPERATURE, f"{(200 + before) / 10:g}")


def test_a_half_open_connection_is_noticed(stage):
    from harness import Tool
    plant = Plant(stage)
    chaos = stage.tool("tcp_chaos", "--listen", 0, "--to", plant.slaves.port)
    plant.link = plant.link.replace(str(plant.slaves.port), str(chaos.ready["listen"]))
    plant.write_site()
    plant.ready()
    chaos.ctl("halfopen on")
    plant.peer.wait_value(QUALITY, "2", 20)
    chaos.ctl("halfopen off")
    plant.slaves.set(1, "holding", 0, 222)
    plant.peer.wait_value(TEMPERATURE, "22.2", 30)


def test_a_serial_adapter_that_is_pulled_out_and_put_back(stage):
    plant = Plant(stage, rtu=True).ready()
    plant.slaves.ctl("unplug")
    plant.peer.wait_value(QUALITY, "2", 15)
    plant.slaves.ctl("plug")
    plant.slaves.set(1, "holding", 0, 177)
    plant.peer.wait_value(TEMPERATURE, "17.7", 20)


def no_false_value(stage, fault, rtu=False):
    """Under this fault, only what the device really said is ever seen."""
    plant = Plant(stage, rtu=rtu).ready()
    plant.peer.ask(f"observe {TEMPERATURE} accept 0")
    true = {"21.3"}
    plant.slaves.ctl(f"fault {fault} count=40 prob=0.5")
    for raw in (200, 210, 220, 230):
        true.add(f"{raw / 10:g}")
        plant.slaves.set(1, "holding", 0, raw)
        until("some polls", lambda n=len(plant.slaves.requests(fc=3)): len(plant.slaves.requests(fc=3)) > n + 6, 45)
    plant.slaves.ctl("clear")
    plant.slaves.set(1, "holding", 0, 255)
    plant.peer.wait_value(TEMPERATURE, "25.5", 20)
    seen = [e["text"] for e in plant.peer.passed("notification", path=TEMPERATURE)]
    check(set(seen) <= true | {"25.5"}, f"{fault}: values that never were: {set(seen) - true}")
    check(plant.gateway.running(), "the gateway ended")


def test_late_answers_on_tcp_never_become_values_of_others(stage):
    no_false_value(stage, "late 450")


def test_foreign_transactions_are_no_answers(stage):
    no_false_value(stage, "wrong_tid")


def test_foreign_units_are_no_answers(stage):
    no_false_value(stage, "wrong_unit")


def test_other_functions_are_no_answers(stage):
    no_false_value(stage, "wrong_fc")


def test_short_answers_are_no_answers(stage):
    no_false_value(stage, "short_count")


def test_wrong_lengths_are_no_answers(stage):
    no_false_value(stage, "wrong_len")


def test_stale_answers_are_no_answers(stage):
    no_false_value(stage, "stale")


def test_garbage_is_no_answer(stage):
    no_false_value(stage, "garbage 40")


def test_split_answers_are_joined(stage):
    no_false_value(stage, "split 60")


def test_damaged_frames_on_rtu_are_no_answers(stage):
    no_false_value(stage, "bad_crc", rtu=True)


def test_late_answers_on_rtu_never_become_values_of_others(stage):
    no_false_value(stage, "late 450", rtu=True)


def test_echoes_and_noise_on_rtu_are_no_answers(stage):
    no_false_value(stage, "garble", rtu=True)
