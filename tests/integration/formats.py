"""Second opinion on the payload formats: written from the specifications, sharing nothing with the gateway.

decode(format, payload, path, kinds) gives {path: value} for each content format of LwM2M 1.2.
"""
import base64
import json
import struct

TEXT, LINKS, OPAQUE, CBOR, SENML_JSON, SENML_CBOR, TLV, LWM2M_CBOR = 0, 40, 42, 60, 110, 112, 11542, 11544
HIERARCHICAL = {SENML_JSON: "SenML JSON", SENML_CBOR: "SenML CBOR", TLV: "TLV", LWM2M_CBOR: "LwM2M CBOR"}


class Malformed(AssertionError):
    pass


def need(condition, what):
    if not condition:
        raise Malformed(what)


# --- CBOR (RFC 8949) ------------------------------------------------------------------------------
BREAK = object()


def cbor(data):
    """One item, with nothing after it. Maps become lists of pairs, since their keys may be arrays."""
    item, rest = cbor_item(data)
    need(not rest, f"{len(rest)} bytes follow the CBOR item")
    return item


def cbor_item(data):
    need(data, "CBOR ends early")
    major, info, rest = data[0] >> 5, data[0] & 31, data[1:]
    if info < 24:
        argument = info
    elif info < 28:
        size = 1 << (info - 24)
        need(len(rest) >= size, "CBOR ends early")
        argument, rest = int.from_bytes(rest[:size], "big"), rest[size:]
        if major == 7:
            if size == 1:
                raise Malformed(f"simple value {argument}")
            return struct.unpack(">" + {2: "e", 4: "f", 8: "d"}[size], data[1:1 + size])[0], rest
    elif info == 31 and major in (2, 3, 4, 5, 7):
        argument = None
    else:
        raise Malformed(f"CBOR initial byte {data[0]:02x}")
    if major == 0:
        return argument, rest
    if major == 1:
        return -1 - argument, rest
    if major in (2, 3):
        need(argument is not None and len(rest) >= argument, "CBOR string ends early")
        text = bytes(rest[:argument])
        return (text if major == 2 else text.decode("utf-8")), rest[argument:]
    if major in (4, 5):
        items, count = [], None if argument is None else argument * (major - 3)
        while count is None or len(items) < count:
            item, rest = cbor_item(rest)
            if item is BREAK:
                need(count is None, "a break in a definite item")
                break
            items.append(item)
        if major == 4:
            return items, rest
        need(len(items) % 2 == 0, "a map with a key and no value")
        return Map(zip(items[::2], items[1::2])), rest
    if major == 7:
        return (BREAK if argument is None else {20: False, 21: True, 22: None}[argument]), rest
    return cbor_item(rest)  # a tag


class Map(list):
    """Pairs of a CBOR map."""


# --- TLV (OMA Core 1.2 7.4.5) -----------------------------------------------------------------------
INSTANCE, RESOURCE_INSTANCE, MULTIPLE, RESOURCE = range(4)


def tlv(data):
    """A list of (kind, id, value); the value of a container is such a list."""
    entries = []
    while data:
        kind, wide, length_bytes = data[0] >> 6, data[0] >> 5 & 1, data[0] >> 3 & 3
        at = 1 + wide + 1
        number = int.from_bytes(data[1:at], "big")
        length = int.from_bytes(data[at:at + length_bytes], "big") if length_bytes else data[0] & 7
        at += length_bytes
        need(len(data) >= at + length, "TLV ends early")
        value = data[at:at + length]
        entries.append((kind, number, tlv(value) if kind in (INSTANCE, MULTIPLE) else value))
        data = data[at + length:]
    return entries


def tlv_value(raw, kind):
    if kind == "float":
        return struct.unpack(">f" if len(raw) == 4 else ">d", raw)[0]
    if kind in ("int", "time"):
        need(len(raw) in (1, 2, 4, 8), f"an integer of {len(raw)} bytes")
        return int.from_bytes(raw, "big", signed=True)
    if kind == "bool":
        need(raw in (b"\0", b"\1"), f"a Boolean of {raw.hex()}")
        return raw == b"\1"
    return raw.decode() if kind == "string" else raw


# --- to {path: value} ------------------------------------------------------------------------------
def kind_of(path, kinds):
    parts = path.strip("/").split("/")
    if not parts[0].isdigit():
        parts = parts[1:]
    return kinds.get("/".join(parts[:1] + parts[2:3])) or kinds.get(parts[2] if len(parts) > 2 else "", "string")


def decode_text(text, kind):
    if kind == "float":
        return float(text)
    if kind in ("int", "time"):
        return int(text)
    if kind == "bool":
        need(text in ("0", "1"), f"a Boolean of {text!r}")
        return text == "1"
    return base64.b64decode(text, validate=True) if kind == "opaque" else text


def decode_senml(pack, keys):
    values, base = {}, ""
    for record in pack:
        record = dict(record)
        base = record.get(keys["bn"], base)
        path = base + record.get(keys["n"], "")
        need(path.startswith("/") and "//" not in path, f"SenML name {path!r}")
        for label in ("v", "vs", "vb", "vd", "vlo"):
            if keys[label] in record:
                need(path not in values, f"{path} twice")
                value = record[keys[label]]
                if label == "vd" and isinstance(value, str):
                    value = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
                values[path] = value
    return values


def decode_tlv(entries, path, kinds, depth):
    values = {}
    for kind, number, value in entries:
        child = f"{path.rstrip('/')}/{number}"
        if kind in (INSTANCE, MULTIPLE):
            values.update(decode_tlv(value, child, kinds, depth + 1))
        else:
            values[child] = tlv_value(value, kind_of(child, kinds))
    return values


def decode_map(pairs, path):
    values = {}
    for key, value in pairs:
        child = path + "".join(f"/{part}" for part in (key if isinstance(key, list) else [key]))
        if isinstance(value, Map):
            values.update(decode_map(value, child))
        else:
            need(child not in values, f"{child} twice")
            values[child] = value
    return values


def decode(form, payload, path, kinds):
    if form in (TEXT, None):
        return {path: decode_text(payload.decode("utf-8"), kind_of(path, kinds))}
    if form == OPAQUE:
        return {path: payload}
    if form == CBOR:
        return {path: cbor(payload)}
    if form == SENML_JSON:
        return decode_senml(json.loads(payload), {k: k for k in ("bn", "n", "v", "vs", "vb", "vd", "vlo")})
    if form == SENML_CBOR:
        return decode_senml(cbor(payload), {"bn": -2, "n": 0, "v": 2, "vs": 3, "vb": 4, "vd": 8, "vlo": "vlo"})
    if form == TLV:
        # A single resource or instance is asked for: the entries then start at what the path names.
        parts = path.strip("/").split("/")
        levels = len(parts) - (not parts[0].isdigit())
        entries = tlv(payload)
        base = path
        if levels >= 3:
            base = path.rsplit("/", 1)[0]
        elif levels == 2 and entries and entries[0][0] == INSTANCE:
            base = path.rsplit("/", 1)[0]
        return decode_tlv(entries, base, kinds, 0)
    if form == LWM2M_CBOR:
        got = cbor(payload)
        need(isinstance(got, Map), "LwM2M CBOR is a map")
        return decode_map(got, "")
    raise Malformed(f"content format {form}")


def links(text):
    """Link format (RFC 6690) as {path: {attribute: value or None}}, in order."""
    found, at = {}, 0
    while at < len(text):
        need(text[at] == "<", f"no link at {text[at:at + 20]!r}")
        end = text.index(">", at)
        path, at, attributes = text[at + 1:end], end + 1, {}
        while at < len(text) and text[at] == ";":
            stop, quoted = at + 1, False
            while stop < len(text) and (quoted or text[stop] not in ";,"):
                quoted ^= text[stop] == '"'
                stop += 1
            name, _, value = text[at + 1:stop].partition("=")
            attributes[name] = value.strip('"') if value else None
            at = stop
        need(path not in found, f"<{path}> twice")
        found[path] = attributes
        if at < len(text):
            need(text[at] == ",", f"no comma at {text[at:at + 20]!r}")
            at += 1
    return found
