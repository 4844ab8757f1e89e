#pragma once

#include "gateway/site.hpp"

#include <string>
#include <vector>

/// The verbs. Exit status: 0 well, 1 a problem was found, 2 wrong use.
namespace gateway::cli {

struct Options {
    Places places;
    std::string log_level;  // "" : as gateway.yaml says
    std::string version;
};

/// What run() returns when a server asked for a restart (/3/0/4): main() starts the program anew in the same process.
constexpr int restart_status = 75;
int run(const Options&);
int check(const Options&);
int explain(const Options&);

struct SimulateOptions {
    std::string profile;  // "demo/meter" (newest revision) or "demo/meter@1"
    std::string tcp;      // HOST:PORT
    unsigned unit = 1;
    std::vector<std::string> set;     // POINT=VALUE
    std::vector<std::string> params;  // NAME=VALUE, the profile's parameters
};
int simulate(const Options&, const SimulateOptions&);

}  // namespace gateway::cli
