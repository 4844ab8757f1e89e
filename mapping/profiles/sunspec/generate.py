#!/usr/bin/env python3
"""Writes the SunSpec profiles of this folder from the tables below: generate.py [--check]

The tables hold what SunSpec's model definitions say of names, types and scale factors, in the order of the registers; what is
shown as which LwM2M object is ours. --check writes nothing and ends with status 1 when a file differs.
"""
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
SIZE = {"uint16": 1, "int16": 1, "sunssf": 1, "enum16": 1, "acc32": 2, "bitfield32": 2, "float32": 2}
# What a device says that has no such value, and the type of the profile.
ABSENT = {"uint16": "0xFFFF", "int16": "0x8000", "enum16": "0xFFFF", "bitfield32": "0xFFFFFFFF"}
KIND = {"enum16": "uint16", "acc32": "uint32", "bitfield32": "uint32"}

PHASES = ("phase 1", "phase 2", "phase 3")
INVERTER_EVENTS = ("ground_fault", "dc_over_voltage", "ac_disconnect", "dc_disconnect", "grid_disconnect", "cabinet_open",
                   "manual_shutdown", "over_temperature", "over_frequency", "under_frequency", "ac_over_voltage",
                   "ac_under_voltage", "blown_string_fuse", "under_temperature", "memory_loss", "hardware_test_failure")
METER_EVENTS = {2: "power_failure", 3: "under_voltage", 4: "low_power_factor", 5: "over_current", 6: "over_voltage",
                7: "missing_sensor"}


def inverter(floats):
    """Registers after id and length: name, type, scale factor."""
    rows = []

    def values(names, kind, factor):
        rows.extend((name, "float32" if floats else kind, None if floats else factor) for name in names.split())
        if not floats:
            rows.append((factor, "sunssf", None))

    values("A AphA AphB AphC", "uint16", "A_SF")
    values("PPVphAB PPVphBC PPVphCA PhVphA PhVphB PhVphC", "uint16", "V_SF")
    values("W", "int16", "W_SF")
    values("Hz", "uint16", "Hz_SF")
    values("VA", "int16", "VA_SF")
    values("VAr", "int16", "VAr_SF")
    values("PF", "int16", "PF_SF")
    values("WH", "acc32", "WH_SF")
    values("DCA", "uint16", "DCA_SF")
    values("DCV", "uint16", "DCV_SF")
    values("DCW", "int16", "DCW_SF")
    values("TmpCab TmpSnk TmpTrns TmpOt", "int16", "Tmp_SF")
    rows += [("St", "enum16", None), ("StVnd", "enum16", None), ("Evt1", "bitfield32", None)]
    return rows


def meter(floats):
    rows = []

    def values(names, kind, factor):
        rows.extend((name, "float32" if floats else kind, None if floats else factor) for name in names.split())
        if not floats:
            rows.append((factor, "sunssf", None))

    def each(name):
        return f"{name} {name}PhA {name}PhB {name}PhC "

    values("A AphA AphB AphC", "int16", "A_SF")
    values("PhV PhVphA PhVphB PhVphC PPV PPVphAB PPVphBC PPVphCA", "int16", "V_SF")
    values("Hz", "int16", "Hz_SF")
    values("W WphA WphB WphC", "int16", "W_SF")
    values("VA VAphA VAphB VAphC", "int16", "VA_SF")
    values("VAR VARphA VARphB VARphC", "int16", "VAR_SF")
    values("PF PFphA PFphB PFphC", "int16", "PF_SF")
    values(each("TotWhExp") + each("TotWhImp"), "acc32", "TotWh_SF")
    values(each("TotVAhExp") + each("TotVAhImp"), "acc32", "TotVAh_SF")
    values("".join(each(f"TotVArh{q}") for q in ("ImpQ1", "ImpQ2", "ExpQ3", "ExpQ4")), "acc32", "TotVArh_SF")
    rows.append(("Evt", "bitfield32", None))
    return rows


# SunSpec name -> (point, to, unit, group, more keys). "phases" of a model says which of three it has.
def shown(model, phases):
    points = {}
    three = "ABC"[:phases]
    total = "total" if phases > 1 else None
    points["A"] = ("current", "3317/0", "A", "fast", total)
    points["W"] = ("power", "3305/0", "W", "fast", total)
    points["Hz"] = ("frequency", "3318/0", "Hz", "fast", None)
    points["VA"] = ("apparent_power", "3328/0", "VA", "fast", "apparent")
    points["PF"] = ("power_factor", "3329/0", "/", "fast", None)
    for i, phase in enumerate(three):
        points[f"PhVph{phase}"] = (f"voltage_{i + 1}", f"3316/{i}", "V", "fast", PHASES[i])
        if phases > 1:
            points[f"Aph{phase}"] = (f"current_{i + 1}", f"3317/{i + 1}", "A", "fast", PHASES[i])
    if model < 200:
        points["VAr"] = ("reactive_power", "3305/0/5810", "var", "fast", None)
        points["WH"] = ("energy", "3331/0", "Wh", "slow", "produced")
        points["DCA"] = ("dc_current", "3317/4", "A", "fast", "DC")
        points["DCV"] = ("dc_voltage", "3316/3", "V", "fast", "DC")
        points["DCW"] = ("dc_power", "3305/1", "W", "fast", "DC")
        points["TmpCab"] = ("cabinet_temperature", "3303/0", "Cel", "slow", "cabinet")
        points["TmpSnk"] = ("heat_sink_temperature", "3303/1", "Cel", "slow", "heat sink")
        points["St"] = ("state", "3348/0", None, "fast", "operating state, 4 is MPPT, 7 is fault")
    else:
        points["VAR"] = ("reactive_power", "3305/0/5810", "var", "fast", None)
        if phases > 1:
            for i, phase in enumerate(three):
                points[f"Wph{phase}"] = (f"power_{i + 1}", f"3305/{i + 1}", "W", "fast", PHASES[i])
        points["TotWhImp"] = ("energy_import", "3331/0", "Wh", "slow", "import")
        points["TotWhExp"] = ("energy_export", "3331/1", "Wh", "slow", "export")
    return points


RANGES = {"PhVphA": "[0, 1000]", "Hz": "[0, 100]", "TmpCab": "[-60, 200]", "TmpSnk": "[-60, 200]"}
# For the tests: what the registers hold. A float register holds the same numbers with their factors applied.
FACTORS = {"A_SF": -2, "V_SF": -1, "W_SF": 1, "Hz_SF": -2, "VA_SF": 1, "VAr_SF": 1, "VAR_SF": 1, "PF_SF": -2, "WH_SF": 0,
           "DCA_SF": -2, "DCV_SF": -1, "DCW_SF": 1, "Tmp_SF": -1, "TotWh_SF": 1}
EXAMPLE = {"A": 450, "AphA": 150, "AphB": 225, "AphC": 75, "PhVphA": 2302, "PhVphB": 2295, "PhVphC": 2317, "W": 102, "Hz": 4998,
           "VA": 105, "VAr": -12, "VAR": -12, "PF": 9850, "WH": 1234567, "DCA": 321, "DCV": 6105, "DCW": 110, "TmpCab": 415,
           "TmpSnk": -55, "St": 4, "WphA": 34, "WphB": 51, "WphC": 17, "TotWhImp": 123456, "TotWhExp": 1225}


def flow(keys):
    def text(key, value):
        quoted = key in ("at", "type") and "$" in value or key == "application" and "," in value
        return f'{key}: "{value}"' if quoted else f"{key}: {value}"
    return "{" + ", ".join(text(key, value) for key, value in keys if value is not None) + "}"


def decimal(raw, power, hundredth):
    """raw x 10^power (/ 100), exactly."""
    power -= 2 if hundredth else 0
    if power >= 0:
        return str(raw * 10 ** power)
    digits = f"{abs(raw):0{-power + 1}d}"
    number = f"{digits[:power]}.{digits[power:]}".rstrip("0").rstrip(".")
    return ("-" if raw < 0 else "") + number


def main_resource(to):
    if to.count("/") == 2:
        return to
    return to + {"3305": "/5800", "3348": "/5547"}.get(to.split("/")[0], "/5700")


def profile(model, title, phases):
    floats = model % 100 > 10
    is_meter = model > 200
    rows = meter(floats) if is_meter else inverter(floats)
    points = shown(model, phases)
    # SunSpec's power factor is a percentage but in the float meters.
    percent = not (floats and is_meter)
    events = METER_EVENTS if is_meter else dict(enumerate(INVERTER_EVENTS))
    lines, used, given, expect, errors = [], set(), {}, [], []
    first = 40070
    offset = 2
    for name, kind, factor in rows:
        at = f"holding:${{model}}+{offset}"
        if name in points:
            point, to, unit, group, application = points[name]
            keys = [("at", at), ("type", KIND.get(kind, kind) if kind != "enum16" else None)]
            if kind in ABSENT:
                keys.append(("invalid", f"[{ABSENT[kind]}]"))
            if name == "PF" and percent:
                keys.append(("scale", "0.01"))
            if factor:
                keys.append(("exponent", factor.lower()))
                used.add(factor)
            keys.append(("range", RANGES.get(name)))
            if unit == "Wh":
                keys.append(("monotonic", "{}"))
            keys += [("unit", unit), ("group", group), ("to", to), ("application", application)]
            lines.append(f"  {point}: {flow(keys)}")
            raw = EXAMPLE[name]
            value = decimal(raw, FACTORS[factor] if factor else 0, name == "PF" and percent)
            if kind == "float32":
                power = FACTORS[factor_of(name, is_meter)] - (0 if percent or name != "PF" else 2)
                value = decimal(raw, power, name == "PF" and percent)
                words = float_words(decimal(raw, power, False))
            elif SIZE[kind] == 2:
                words = (raw >> 16, raw & 0xFFFF)
            else:
                words = (raw & 0xFFFF,)
            for i, word in enumerate(words):
                given[first + offset + i] = word
            expect.append(f"{main_resource(to)}: {value}")
        elif kind == "sunssf":
            lines.append((name, f"  {name.lower()}: {flow([('at', at), ('type', 'sunssf'), ('group', 'once')])}"))
            given[first + offset] = FACTORS.get(name, 0) & 0xFFFF
        elif name in ("Evt1", "Evt"):
            for n, (bit, event) in enumerate(events.items()):
                keys = [("at", at), ("type", "uint32"), ("invalid", "[0xFFFFFFFF]"), ("bit", str(bit)), ("group", "fast")]
                lines.append(f"  {event}: {flow(keys)}")
                errors.append(f"{event}: {16 + n}")
            event_at, event_bit, event_code = first + offset, list(events)[0], 16
            second_bit, second_code = list(events)[-1], 16 + len(events) - 1
        offset += SIZE[kind]
    # Scale factors that nothing shown needs stay out.
    kept = [line if isinstance(line, str) else line[1] for line in lines if isinstance(line, str) or line[0] in used]

    out = [
        "# Written by generate.py: change that file, not this one.",
        "format: 1",
        f"profile: sunspec/{'meter' if is_meter else 'inverter'}-{model}",
        "revision: 1",
        f"title: {title}, SunSpec model {model}",
        f"source: SunSpec Information Model definitions, models 1 and {model} (github.com/sunspec/models)",
        "protocol: modbus",
        "",
        "params:",
        f'  model: {{type: int, default: {first}, min: 0, max: 65000, title: "Register of this model\'s id: 40070, or 40069 behind a short common block"}}',
        "  common: {type: int, default: 40002, min: 0, max: 65000, title: Register of the common model's id}",
        "",
        "groups:",
        "  fast: {every: 5s}",
        "  slow: {every: 60s}",
    ]
    if used:
        out.append("  once: {every: start}             # scale factors")
    out += ["", "points:", *kept, "", "device:",
            '  manufacturer: {at: "holding:${common}+2", type: string, length: 16}',
            '  model: {at: "holding:${common}+18", type: string, length: 16}',
            '  serial: {at: "holding:${common}+50", type: string, length: 16}',
            '  firmware: {at: "holding:${common}+42", type: string, length: 8}',
            f"  type: {'energy-meter' if is_meter else 'inverter'}", "  power_source: mains", "  errors:"]
    out += [f"    {error}" for error in errors]
    runs = []
    for address in sorted(given):
        if runs and runs[-1][0] + len(runs[-1][1]) == address:
            runs[-1][1].append(given[address])
        else:
            runs.append((address, [given[address]]))
    out += ["", "tests:", "  - name: ordinary values, worked out from type and scale factor", "    given:"]
    for address, words in runs:
        out.append(f'      "holding:{address}": [{", ".join(f"0x{word:04X}" for word in words)}]')
    out.append("    expect:")
    out += [f"      {line}" for line in expect]
    bits = 1 << event_bit | 1 << second_bit
    out += ["  - name: the first and the last event", f'    given: {{"holding:{event_at}": [0x{bits >> 16:04X}, 0x{bits & 0xFFFF:04X}]}}',
            f"    expect: {{3/0/11/0: {event_code}, 3/0/11/1: {second_code}}}"]
    a_kind = next(kind for name, kind, _ in rows if name == "A")
    nothing = {"uint16": ["0xFFFF"], "int16": ["0x8000"], "float32": ["0x7FC0", "0x0000"]}[a_kind]
    a_factor = "" if floats else f', "holding:{first + 6}": [0xFFFE]'
    out += ["  - name: a value that the device does not have", f'    given: {{"holding:{first + 2}": [{", ".join(nothing)}]{a_factor}}}',
            "    expect: {3317/0/5700: null, 3317/0/6042: 1}"]
    out += ["  - name: a model one register earlier, behind a short common block", "    with: {model: 40069}",
            f'    given: {{"holding:{40069 + offset_of(rows, "W")}": [{", ".join(example_words(rows, "W", is_meter))}]'
            + ("" if floats else f', "holding:{40069 + offset_of(rows, "W_SF")}": [0x0001]') + "}",
            "    expect: {3305/0/5800: 1020}"]
    maker = "Example Inc."
    words = [int.from_bytes(maker.encode().ljust(32, b"\0")[i:i + 2], "big") for i in range(0, 32, 2)]
    out += ["  - name: the maker's name in the common model", f'    given: {{"holding:40004": [{", ".join(f"0x{w:04X}" for w in words)}]}}',
            f"    expect: {{3/0/0: {maker}}}"]
    return "\n".join(out) + "\n"


def float_words(number):
    return struct.unpack(">HH", struct.pack(">f", float(number)))


def factor_of(name, is_meter):
    rows = meter(False) if is_meter else inverter(False)
    return next(factor for row, _, factor in rows if row == name)


def offset_of(rows, wanted):
    offset = 2
    for name, kind, _ in rows:
        if name == wanted:
            return offset
        offset += SIZE[kind]
    raise KeyError(wanted)


def example_words(rows, name, is_meter):
    kind = next(k for n, k, _ in rows if n == name)
    if kind == "float32":
        words = float_words(decimal(EXAMPLE[name], FACTORS[factor_of(name, is_meter)], False))
        return [f"0x{word:04X}" for word in words]
    return [f"0x{EXAMPLE[name] & 0xFFFF:04X}"]


MODELS = {101: ("Single-phase inverter", 1), 102: ("Split-phase inverter", 2), 103: ("Three-phase inverter", 3),
          111: ("Single-phase inverter", 1), 113: ("Three-phase inverter", 3),
          201: ("Single-phase meter", 1), 203: ("Three-phase meter", 3), 211: ("Single-phase meter", 1), 213: ("Three-phase meter", 3)}


def main():
    check = sys.argv[1:] == ["--check"]
    different = []
    for model, (title, phases) in MODELS.items():
        path = HERE / f"{'meter' if model > 200 else 'inverter'}-{model}.yaml"
        text = profile(model, title, phases)
        if check:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                different.append(path.name)
        else:
            path.write_text(text, encoding="utf-8")
    if different:
        print(f"not as generate.py writes them: {', '.join(different)}; run {pathlib.Path(__file__).name}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
