"""A bad network between server and gateway: what was asked is done once (RFC 7252 4.2 to 4.5)."""
from harness import check, equal, until
from plant import Plant

PSK = ("gw-1", "5f0c1e2d3b4a59687786a5b4c3d2e1f0")


def lossy(stage, settings, **how):
    plant = Plant(stage, peer_options=("--ack-timeout", 1000), **how)
    chaos = stage.tool("udp_chaos", "--listen", 0, "--to", plant.peer.port, "--seed", 5)
    plant.uri = plant.uri.replace(str(plant.peer.port), str(chaos.ready["listen"]))
    plant.write_site()
    plant.start(seconds=60)
    plant.peer.wait_value("/plant/3303/0/5700", "21.3", 30)
    for setting in settings:
        chaos.ctl("set " + setting)
    return plant, chaos


def executes(plant, count):
    """Asks for that many; returns how many were said to be done, how many were not answered, how many the device saw."""
    plant.slaves.ctl("forget")
    tags = [plant.peer.begin("execute /plant/3305/0/5822") for _ in range(count)]
    answers = [plant.peer.result(tag, 150) for tag in tags]
    codes = {a.get("code", a.get("failed")) for a in answers}
    done = sum(a.get("code") == "2.04" for a in answers)
    check(codes <= {"2.04", "no answer"}, f"answers: {codes}")
    return done, count - done, len(plant.slaves.requests(addr=120))


def test_nothing_is_executed_twice_with_a_fifth_of_the_datagrams_lost(stage):
    plant, chaos = lossy(stage, ["drop 0.2", "dup 0.1"])
    done, unanswered, seen = executes(plant, 100)
    stats = chaos.ctl("stats")
    check(stats["up"].get("drop", 0) + stats["down"].get("drop", 0) > 20, f"nothing was lost: {stats}")
    check(done >= 90, f"only {done} of 100 were answered")
    check(done <= seen <= done + unanswered, f"{done} done, {unanswered} unanswered, but the device saw {seen}")


def test_nothing_is_executed_twice_when_all_is_doubled_and_shuffled(stage):
    plant, _ = lossy(stage, ["dup 1", "reorder 0.3", "jitter_ms 30"])
    done, unanswered, seen = executes(plant, 60)
    equal((done, unanswered, seen), (60, 0, 60), "done, unanswered, seen at the device")


def test_nothing_is_executed_twice_over_dtls(stage):
    plant, _ = lossy(stage, ["drop 0.2", "dup 0.1"], psk=PSK)
    done, unanswered, seen = executes(plant, 50)
    check(done >= 44 and done <= seen <= done + unanswered, f"{done} done, {unanswered} unanswered, seen {seen}")


def test_writes_arrive_in_their_last_state(stage):
    plant, _ = lossy(stage, ["drop 0.2", "dup 0.1"])
    for value in range(10, 25):
        code = plant.peer.code(f"write /plant/3308/1/5900 {value}", 120)
        check(code in ("2.04", "no answer"), code)
        if code == "2.04":
            equal(plant.slaves.get(1, "holding", 110), [value])


def test_a_dtls_handshake_survives_losses(stage):
    plant = Plant(stage, psk=PSK)
    chaos = stage.tool("udp_chaos", "--listen", 0, "--to", plant.peer.port, "--seed", 11, "-s", "drop=0.2")
    plant.uri = plant.uri.replace(str(plant.peer.port), str(chaos.ready["listen"]))
    plant.write_site()
    plant.start(seconds=120)


def test_long_answers_survive_losses(stage):
    import plant as p
    devices = [f"{{id: plant-number-{n:03}, profile: test/plant@1, link: field, unit: {n}, prefix: p{n}}}" for n in range(1, 31)]
    devices[0] = devices[0].replace("prefix: p1}", "prefix: plant}")
    plant, chaos = lossy(stage, [], units={n: p.unit() for n in range(1, 31)}, devices=devices)
    whole = plant.peer.ask("read /25 accept 110")["text"]
    check(len(whole) > 3000, "not long enough to be in blocks")
    chaos.ctl("set drop 0.15")
    chaos.ctl("set dup 0.1")
    for _ in range(3):
        equal(plant.peer.ask("read /25 accept 110", 150).get("text"), whole)


def test_a_new_source_port_after_a_nat_timeout(stage):
    """The server learns the new address with the next Update, whether or not it forgot the old one."""
    for psk in (None, PSK):
        plant, chaos = lossy(stage, [], psk=psk, lifetime="15s")
        chaos.ctl("rebind")
        plant.peer.catch_up()
        # Debian's OpenSSL has no Connection ID: over DTLS the gateway has to notice, and to shake hands anew.
        until("heard of again", lambda: plant.peer.passed("updated") or len(plant.peer.passed("registered")) > 1, 150)
        plant.peer.wait_value("/plant/3303/0/5700", "21.3", 20)
        for process in (plant.gateway, plant.peer, plant.slaves.tool, chaos):
            process.stop()


def test_observations_survive_a_short_outage(stage):
    plant, chaos = lossy(stage, [])
    path = "/plant/3303/0/5700"
    plant.peer.ask(f"observe {path} accept 0")
    chaos.ctl("blackhole 4")
    plant.slaves.set(1, "holding", 0, 251)
    plant.peer.find(lambda e: e["ev"] == "notification" and e["text"] == "25.1", 30, 0, "the value of the outage")
    plant.slaves.set(1, "holding", 0, 252)
    plant.peer.find(lambda e: e["ev"] == "notification" and e["text"] == "25.2", 30, 0, "a value after it")
