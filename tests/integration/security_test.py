"""Keys: what happens with a wrong one, and that none is ever told."""
import re
import time

from harness import check, equal
from plant import Plant, run_verb

PSK = ("gw-1", "5f0c1e2d3b4a59687786a5b4c3d2e1f0")
OTHER = "00ffee11dd22cc33bb44aa5599668877"


def no_key_in(text, *keys):
    for key in keys:
        raw = bytes.fromhex(key)
        for shown in (key, raw.decode("latin-1"), " ".join(re.findall("..", key)), ":".join(re.findall("..", key))):
            check(shown.lower() not in text.lower(), "a key was printed")


def test_a_wrong_key_never_registers_and_is_said_clearly(stage):
    plant = Plant(stage, psk=PSK)
    plant.write_site(key=OTHER)
    plant.start(registered=False)
    plant.peer.expect("identity", 10, identity="gw-1", known=True)
    plant.gateway.wait_line(r"(?i)handshake|security|key|TLS", 60)
    plant.peer.none("registered", 8)
    plant.gateway.stop()
    no_key_in(plant.gateway.text(), PSK[1], OTHER)


def test_an_unknown_identity_never_registers(stage):
    plant = Plant(stage, psk=PSK)
    plant.psk = ("somebody-else", PSK[1])
    plant.write_site()
    plant.start(registered=False)
    plant.peer.expect("identity", 10, identity="somebody-else", known=False)
    plant.peer.none("registered", 5)


def test_a_mended_key_registers_after_a_restart(stage):
    plant = Plant(stage, psk=PSK)
    plant.write_site(key=OTHER)
    plant.start(registered=False)
    plant.peer.expect("identity", 10)
    plant.gateway.stop()
    plant.write_site()
    plant.start()


def test_no_key_in_the_log_of_a_good_run(stage):
    plant = Plant(stage, psk=PSK).ready()
    plant.gateway.stop()
    no_key_in(plant.gateway.text(), PSK[1])


def test_a_key_file_that_others_may_read_is_refused(stage):
    plant = Plant(stage, psk=PSK)
    stage.write("secrets/lwm2m-psk", f"hex:{PSK[1]}\n", 0o644)
    status, out, err = run_verb("check", *plant.arguments()[:2], *plant.arguments()[4:])
    equal(status, 1, "exit status")
    check("lwm2m-psk" in out + err, out + err)
    no_key_in(out + err, PSK[1])


def test_a_key_by_systemd_credentials(stage):
    plant = Plant(stage, psk=PSK)
    plant.gateway = None
    from plant import Gateway
    arguments = plant.arguments()[:4]
    plant.gateway = stage.add(Gateway("run", *arguments, env={"CREDENTIALS_DIRECTORY": stage.path("secrets")}))
    plant.peer.expect("registered", 15)


def test_the_server_object_and_security_object_show_no_secret(stage):
    plant = Plant(stage, psk=PSK).start()
    for path in ("/0", "/0/0", "/0/0/5", "/0/0/3"):
        check(plant.peer.code(f"read {path}") in ("4.01", "4.04", "4.05"), f"{path} is readable")
    answer = plant.peer.ask("discover /0")
    check(answer["code"] in ("4.01", "4.04", "4.05"), answer)
    equal(plant.peer.code("write /0/0/5 x"), plant.peer.code("read /0/0/5"), "write to /0")
