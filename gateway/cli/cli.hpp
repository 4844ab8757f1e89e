#pragma once

#include "gateway/site.hpp"

#include <optional>
#include <string>
#include <vector>

/// The verbs, each in a file of its name.
namespace gateway::cli {

/// Exit status. 75 stays within the process; 78 is sysexits' EX_CONFIG: the unit does not start a gateway again whose
/// files have mistakes, since only a person can mend them.
constexpr int well = 0, problem = 1, wrong_use = 2, unreachable = 3, mistakes_in_files = 78;

struct Options {
    Places places;
    std::string log_level;  // "" : as gateway.yaml says
    std::string version;
    std::string socket;  // "" : the usual place; "none": none
    bool json = false;
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

int status(const Options&);
int devices(const Options&, const std::string& id);

/// An address that no profile names.
struct Address {
    std::string link, at;
    std::optional<unsigned> unit;
};
struct ReadOptions {
    std::string target;  // DEVICE or DEVICE/POINT; "" : an address
    Address address;
    unsigned count = 1;
    bool guess = false;
};
int read(const Options&, const ReadOptions&);

struct WriteOptions {
    std::string target;                // DEVICE/POINT; with an address the value
    std::optional<std::string> value;  // not with an address
    Address address;
    bool force = false;
};
int write(const Options&, const WriteOptions&);

struct ScanOptions {
    std::string link, units, speeds;
    std::vector<std::string> more;  // NAME=VALUE, the protocol's own
    double share = 10;              // percent
};
int scan(const Options&, const ScanOptions&);

struct TraceOptions {
    std::string link, pcap;
    unsigned count = 0;  // frames, 0: until ended
};
int trace(const Options&, const TraceOptions&);

struct AddOptions {
    std::string profile, id, link, address, prefix, name;
    std::optional<unsigned> unit;
    std::vector<std::string> set;
    bool dry_run = false, reload = false;
};
int add(const Options&, const AddOptions&);

int profile_test(const Options&, const std::vector<std::string>& files);
int profile_lint(const Options&, const std::vector<std::string>& files);

/// `op`: list, approve, refuse or forget.
int discover(const Options&, const std::string& op, const std::string& which);
int reload(const Options&);

}  // namespace gateway::cli
