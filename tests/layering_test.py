#!/usr/bin/env python3
"""Reads every #include of the tree and compares it with who may include whom.

The sentence behind the table: lwm2m knows no devices, adapters know no LwM2M, mapping joins the two once at start, and
gateway keeps them talking. A new folder or library gets its line here.
"""

import pathlib
import re
import sys
import tempfile

# A file belongs to the first line that its path starts with. "may": our own files that it may include, by how their
# path starts. "libraries": outside ones, by name (see LIBRARIES). "." stands for the file's own folder.
EVERYTHING = ("gateway/", "lwm2m/", "adapters/", "mapping/", "config/")
FLOOR = ("fmt", "spdlog", "tl-expected")
LAYERS = [
    # path                        may include                                        outside libraries
    ("gateway/base/",             ("gateway/base/",),                                ()),
    ("gateway/main.",             EVERYTHING,                                        ("boost", "cli11")),
    ("gateway/app.",              EVERYTHING,                                        ("boost",)),
    ("gateway/cli/",              EVERYTHING,                                        ("boost", "cli11", "nlohmann-json")),
    ("gateway/control/",          ("gateway/", "lwm2m/", "mapping/", "config/", "adapters/api/"),
                                                                                     ("boost", "nlohmann-json")),
    ("gateway/",                  ("gateway/", "lwm2m/", "mapping/", "config/", "adapters/api/"),
                                                                                     ("boost", "sqlite3")),
    ("lwm2m/coap/",               ("lwm2m/", "gateway/base/"),                       ("boost", "libcoap", "mbedtls")),
    ("lwm2m/object_catalog",      ("lwm2m/", "gateway/base/"),                       ("pugixml",)),
    ("lwm2m/codec/senml_json.cpp", ("lwm2m/", "gateway/base/"),                      ("nlohmann-json",)),
    ("lwm2m/",                    ("lwm2m/", "gateway/base/"),                       ()),
    ("adapters/api/",             ("adapters/api/", "gateway/base/"),                ("boost",)),
    ("adapters/modbus/",          (".", "adapters/api/", "gateway/base/"),           ("boost", "libmodbus", "mbedtls")),
    ("adapters/sim/",             (".", "adapters/api/", "gateway/base/"),           ("boost",)),
    ("adapters/mqtt/",            (".", "adapters/api/", "gateway/base/"),           ("boost", "paho")),
    ("adapters/ble/",             (".", "adapters/api/", "gateway/base/"),           ("boost", "mbedtls", "sdbus-c++")),
    ("config/",                   ("config/", "gateway/base/"),                      ("yaml-cpp",)),
    ("mapping/",                  ("mapping/", "adapters/api/", "gateway/base/", "lwm2m/path.hpp", "lwm2m/value.hpp",
                                   "lwm2m/object_catalog.hpp", "lwm2m/operation.hpp"), ()),
    # A second opinion on every byte, so it shares nothing with the gateway.
    ("tests/peer/",               ("tests/peer/",),                                  ("libcoap", "openssl", "nlohmann-json")),
    ("tests/unit/modbus/",        (*EVERYTHING, "tests/"),                           ("boost", "googletest", "libmodbus", "openssl")),
    ("tests/unit/config/",        (*EVERYTHING, "tests/"),                           ("boost", "googletest", "yaml-cpp")),
    ("tests/unit/control/",       (*EVERYTHING, "tests/"),                           ("boost", "googletest", "nlohmann-json")),
    ("tests/unit/coap/",          (*EVERYTHING, "tests/"),                           ("boost", "googletest", "libcoap", "openssl")),
    ("tests/",                    (*EVERYTHING, "tests/"),                           ("boost", "googletest")),
]
# Folders below the table's "lwm2m/" that only the program's top may reach.
ONLY_FROM_THE_TOP = {"lwm2m/coap/": ("lwm2m/coap/", "gateway/main.", "gateway/app.", "gateway/cli/", "tests/")}

LIBRARIES = [
    (r"coap(3|2)?/|coap(3|2)?\.h|coap_config\.h", "libcoap"),
    (r"(mbedtls|psa)/", "mbedtls"),
    (r"boost/", "boost"),
    (r"yaml-cpp/", "yaml-cpp"),
    (r"modbus(/modbus.*)?\.h", "libmodbus"),
    (r"pugi(xml|config)\.hpp", "pugixml"),
    (r"nlohmann/", "nlohmann-json"),
    (r"CLI/", "cli11"),
    (r"spdlog/", "spdlog"),
    (r"fmt/", "fmt"),
    (r"tl/", "tl-expected"),
    (r"systemd/", "libsystemd"),
    (r"sqlite3\.h", "sqlite3"),
    (r"g(test|mock)/", "googletest"),
    (r"openssl/", "openssl"),
    (r"sdbus-c\+\+/", "sdbus-c++"),
    (r"mqtt/|MQTT.*\.h", "paho"),
]
# The C++ library (<vector>, <cstdint>), and C and POSIX headers (<unistd.h>, <sys/socket.h>).
OF_THE_SYSTEM = re.compile(r"[a-z0-9_]+|(sys|net|netinet|arpa|linux|sanitizer)/[a-z0-9_]+\.h|[a-z0-9_]+\.h")

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
SOURCES = {".cpp", ".hpp", ".c", ".h"}
APART = ("tests/bench/lwm2m-load/", "tests/bench/modbus-field/", "tests/bench/mqtt-field/")  # programs of their own, with builds of their own


def library_of(name):
    for pattern, library in LIBRARIES:
        if re.match(pattern, name):
            return library
    return None if OF_THE_SYSTEM.fullmatch(name) else name


def objection(path, name, quoted, root):
    """Why the file `path` must not include `name`; None when it may."""
    layer = next((line for line in LAYERS if path.startswith(line[0])), None)
    if layer is None:
        return "is in no layer; tests/layering_test.py has the table"
    start, may, libraries = layer
    library = library_of(name)
    if not quoted or library in dict(map(reversed, LIBRARIES)):
        if library is None or library in libraries or library in FLOOR:
            return None
        allowed = ", ".join(sorted({*libraries, *FLOOR}))
        return f"includes {name} ({library}); files of '{start}' may use {allowed}"
    if not name.startswith((*EVERYTHING, "tests/")):
        return f'includes "{name}"; say the path from the root of the tree, or <> for a library'
    folder = path.rsplit("/", 1)[0] + "/"
    if not any(name.startswith(folder if prefix == "." else prefix) for prefix in may):
        return f'includes "{name}"; files of \'{start}\' may include {", ".join(may)}'
    for guarded, open_to in ONLY_FROM_THE_TOP.items():
        if name.startswith(guarded) and not path.startswith(open_to):
            return f'includes "{name}"; only {", ".join(open_to)} may'
    return None


def violations(root):
    found = []
    files = 0
    for top in ("gateway", "lwm2m", "adapters", "mapping", "config", "tests"):
        for file in sorted((root / top).rglob("*")):
            path = file.relative_to(root).as_posix()
            if file.suffix not in SOURCES or path.startswith(APART):
                continue
            files += 1
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                include = INCLUDE.match(line)
                if include:
                    quoted, angled = include.groups()
                    why = objection(path, quoted or angled, quoted is not None, root)
                    if why:
                        found.append(f"{path}:{number}: {why}")
    return files, found


# What the test must refuse, and what it must let pass: each planted alone into an empty tree.
PLANTED = [
    (True, "lwm2m/observer.cpp", '#include "adapters/api/adapter.hpp"'),
    (True, "lwm2m/observer.cpp", '#include "lwm2m/coap/coap_transport.hpp"'),
    (True, "lwm2m/observer.cpp", "#include <boost/asio.hpp>"),
    (True, "lwm2m/codec/tlv.cpp", "#include <nlohmann/json.hpp>"),
    (False, "lwm2m/codec/senml_json.cpp", "#include <nlohmann/json.hpp>"),
    (False, "lwm2m/object_catalog_xml.cpp", "#include <pugixml.hpp>"),
    (True, "lwm2m/path.cpp", "#include <pugixml.hpp>"),
    (True, "adapters/modbus/link.cpp", '#include "lwm2m/path.hpp"'),
    (True, "adapters/modbus/link.cpp", '#include "adapters/sim/sim.hpp"'),
    (False, "adapters/modbus/link.cpp", '#include "adapters/modbus/frame.hpp"'),
    (False, "adapters/modbus/link.cpp", "#  include <modbus/modbus.h>"),
    (True, "adapters/sim/link.cpp", "#include <modbus.h>"),
    (True, "gateway/base/log.cpp", '#include "config/config.hpp"'),
    (True, "gateway/broker.cpp", '#include "adapters/modbus/link.hpp"'),
    (True, "gateway/broker.cpp", '#include "lwm2m/coap/coap_transport.hpp"'),
    (False, "gateway/app.cpp", '#include "lwm2m/coap/coap_transport.hpp"'),
    (True, "gateway/broker.cpp", "#include <mbedtls/ssl.h>"),
    (True, "gateway/app.cpp", "#include <coap3/coap.h>"),
    (True, "gateway/app.cpp", '#include "coap3/coap.h"'),
    (True, "mapping/compile.cpp", '#include "lwm2m/client.hpp"'),
    (True, "mapping/compile.cpp", "#include <yaml-cpp/yaml.h>"),
    (True, "config/config.cpp", '#include "mapping/plan.hpp"'),
    (False, "config/yaml_reader.cpp", "#include <yaml-cpp/yaml.h>"),
    (True, "config/config.cpp", '#include "config.hpp"'),
    (True, "gateway/broker.cpp", "#include <someone/else.hpp>"),
    (False, "gateway/broker.cpp", "#include <sys/socket.h>\n#include <vector>\n#include <fmt/format.h>"),
]


def self_test():
    wrong = []
    for refused, path, text in PLANTED:
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, path)
            file.parent.mkdir(parents=True)
            file.write_text(text + "\n", encoding="utf-8")
            _, found = violations(pathlib.Path(folder))
            if bool(found) != refused:
                wrong.append(f"self-test: {text!r} in {path} was {'let pass' if refused else 'refused: ' + found[0]}")
    return wrong


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    wrong = self_test()
    files, found = violations(root)
    if files < 20:
        wrong.append(f"only {files} source files seen below {root}")
    for line in wrong + found:
        print(line)
    print(f"layering_test: {files} files, {len(PLANTED)} planted includes, {len(wrong) + len(found)} objections")
    return 1 if wrong or found else 0


if __name__ == "__main__":
    sys.exit(main())
