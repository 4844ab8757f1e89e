#pragma once

#include "adapters/modbus/frame.hpp"

namespace adapters::modbus {

/// A frame in one line, for `trace`: "unit 7 read holding 1..3", "unit 7 holding 1..3 = 00F5 028F 4365",
/// "unit 7 exception 2 to function 3". `asked`: the last request, which tells what an answer's data are.
std::string traffic_text(bool rtu, bool sent, ByteView adu, const Request& asked);

/// "write holding 20: and FFF7 or 0008": function code and data of a request.
std::string request_text(ByteView pdu);

}  // namespace adapters::modbus
