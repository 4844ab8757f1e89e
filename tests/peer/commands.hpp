#pragma once

#include "tests/peer/server.hpp"

#include <string>

namespace peer {

/// What can be typed, a line a command.
extern const char* const command_help;

/// Obeys one line of machine input; answers and mistakes are events. False: quit.
bool obey(Server&, const std::string& line);

/// The same for people: words instead of JSON, and `devices`.
bool obey_human(Server&, const std::string& line);
/// What happened, in a line or several for people; empty when it does not concern them.
std::string in_words(const Json& event);

/// Takes the next word off `rest`.
std::string word(std::string& rest);
/// A request with the segments of `path`.
Message request(unsigned method, const std::string& path);

}  // namespace peer
