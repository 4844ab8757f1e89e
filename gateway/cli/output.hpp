#pragma once

#include "gateway/base/diagnostics.hpp"
#include "gateway/control/json.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gateway::cli {

using control::Json;

/// "1 device", "3 devices"; `many` where an s is not enough.
std::string count(std::size_t number, std::string_view one, std::string_view many = {});
/// Columns as wide as their widest cell, two blanks apart; nothing after the last one. Cells are made printable.
std::string table(const std::vector<std::vector<std::string>>& rows, std::string_view indent = "");
/// "12 s", "3 min", "5 h", "8 d".
std::string span(std::int64_t ms);
/// "2026-11-25 00:44:18.250" in local time.
std::string moment(std::int64_t ms_since_1970);
std::string percent(double share);
/// A value as the protocol of the control socket has it: "24.5", "on the wall", "-" for none.
std::string value_text(const Json&);
/// A text of an object, "" when it is not there; made printable.
std::string text_of(const Json& object, std::string_view key);
/// One document, with line breaks for a person's eyes.
void print(const Json&);
/// "lwm2m-gateway VERB: message" on stderr.
int complain(std::string_view verb, std::string_view message, int status);
/// The mistakes of `diagnostics`, each a line; JSON: {"ok": false, "mistakes": […]}.
Json mistakes_of(const base::Diagnostics&);

}  // namespace gateway::cli
