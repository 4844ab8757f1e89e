"""A bad network between server and gateway: what was asked is done once (RFC 7252 4.2 to 4.5)."""
from harness import check, equal, until
from plant import Plant, unit

PSK = ("gw-1", "5f0c1e2d3b4a59687786a5b4c3d2e1f0")


DEVICES = 8


def lossy(stage, settings, devices=1, **how):
    """A plant of so many devices (/plant, /p2, /p3 …) whose server is behind a bad network."""
    if devices > 1:
        how["units"] = {n: unit() for n in range(1, devices + 1)}
        how["devices"] = [f"{{id: plant-{n}, profile: test/plant@1, link: field, unit: {n}, prefix: {prefix_of(n)}}}" for n in how["units"]]
    # Of the requests, not of the registration: in a minute a fifth lost may well cost an Update and all its repetitions.
    how.setdefault("lifetime", "600s")
    plant = Plant(stage, peer_options=("--ack-timeout", 1000), **how)
    chaos = stage.tool("udp_chaos", "--listen", 0, "--to", plant.peer.port, "--seed", 5)
    plant.uri = plant.uri.replace(str(plant.peer.port), str(chaos.ready["listen"]))
    plant.write_site()
    plant.start(seconds=60)
    plant.peer.wait_value("/plant/3303/0/5700", "21.3", 30)
    for setting in settings:
        chaos.ctl("set " + setting)
    return plant, chaos


def prefix_of(number):
    return "plant" if number == 1 else f"p{number}"


def executes(plant, count):
    """Asks for that many, one at a time of each device; returns how many were done, were refused unexecuted, were not answered, and how
    many the devices saw."""
    plant.slaves.ctl("forget")
    waiting, codes = [], []
    for n in range(count + DEVICES):
        if n >= DEVICES:
            answer = plant.peer.result(waiting.pop(0), 150)
            codes.append(answer.get("code", answer.get("failed")))
        if n < count:
            waiting.append(plant.peer.begin(f"execute /{prefix_of(n % DEVICES + 1)}/3305/0/5822"))
    check(set(codes) <= {"2.04", "5.03", "no answer"}, f"answers: {set(codes)}")  # 5.03: the one before it is still at work
    equal(len(codes), count, "answers")
    return codes.count("2.04"), codes.count("5.03"), codes.count("no answer"), len(plant.slaves.requests(addr=120))


def test_nothing_is_executed_twice_with_a_fifth_of_the_datagrams_lost(stage):
    plant, chaos = lossy(stage, ["drop 0.2", "dup 0.1"], DEVICES)
    done, refused, unanswered, seen = executes(plant, 100)
    stats = chaos.ctl("stats")
    check(stats["up"].get("drop", 0) + stats["down"].get("drop", 0) > 20, f"nothing was lost: {stats}")
    check(done >= 90, f"only {done} of 100 were answered")
    check(done <= seen <= done + unanswered, f"{done} done, {refused} refused, {unanswered} unanswered, but the device saw {seen}")


def test_nothing_is_executed_twice_when_all_is_doubled_and_shuffled(stage):
    plant, _ = lossy(stage, ["dup 1", "reorder 0.3", "jitter_ms 30"], DEVICES)
    equal(executes(plant, 60), (60, 0, 0, 60), "done, refused, unanswered, seen at the device")


def test_nothing_is_executed_twice_over_dtls(stage):
    plant, _ = lossy(stage, ["drop 0.2", "dup 0.1"], DEVICES, psk=PSK)
    done, refused, unanswered, seen = executes(plant, 50)
    check(done >= 44 and done <= seen <= done + unanswered, f"{done} done, {refused} refused, {unanswered} unanswered, seen {seen}")


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
    plant, chaos = lossy(stage, [], 30)
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


def test_a_confirmable_notification_outlives_a_short_outage(stage):
    plant, chaos = lossy(stage, [])
    path = "/plant/3303/0/5700"
    equal(plant.peer.code(f"attributes {path} con=1"), "2.04")
    plant.peer.ask(f"observe {path} accept 0")
    chaos.ctl("blackhole 4")
    plant.slaves.set(1, "holding", 0, 251)
    plant.peer.find(lambda e: e["ev"] == "notification" and e["text"] == "25.1", 30, 0, "the value of the outage")
    plant.slaves.set(1, "holding", 0, 252)
    plant.peer.find(lambda e: e["ev"] == "notification" and e["text"] == "25.2", 30, 0, "a value after it")
