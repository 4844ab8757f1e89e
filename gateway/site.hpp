#pragma once

#include "config/config.hpp"
#include "gateway/adapter_registry.hpp"
#include "mapping/compile.hpp"

#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gateway {

/// Where things are: the site's files, and what was installed with the program.
struct Places {
    std::string config;                ///< folder with gateway.yaml
    std::vector<std::string> secrets;  ///< folders, first wins
    std::string state;                 ///< "" : nothing is kept
    std::string plugins, profiles;     ///< of this program
    std::string models;                ///< folder of object definition files, "" for none

    /// Next to the binary in a build tree, else as installed (../lib/…, ../share/lwm2m-gateway).
    void find_installed();
};

class StateStore;

/// Numbers that differ when what stands in the files differs, comments and layout apart; the contents of secrets count.
struct Digests {
    struct Device {
        std::uint64_t place = 0;  ///< all that its link's adapter was told of it
        std::uint64_t kind = 0;   ///< profile, parameters, overrides: what its values mean
    };
    std::vector<Device> devices;       ///< by device of the plan
    std::vector<std::uint64_t> links;  ///< by link of the plan: its own text, and its rules'
    std::uint64_t servers = 0;
};

/// A site that was understood: everything a verb needs, nothing started.
struct Site {
    config::Site config;
    std::shared_ptr<const lwm2m::ObjectCatalog> catalog;
    std::unique_ptr<mapping::Plan> plan;
    Digests digests;
    std::map<std::string, std::string> left_out;  ///< approved discovered devices that cannot run: id, and why
};

/// The plugins that there are, each loaded when first asked for; a folder that cannot be read is told in the log.
AdapterRegistry find_adapters(const Places&);
/// Reads and compiles; every mistake of every file is in the diagnostics when nothing is returned. With a state, its
/// approved discovered devices are part of the site: one that cannot run (any more) is left out, with a line in the log;
/// and a prefix that another device had is a mistake. `catalog`: of a running gateway, whose definitions go on to hold;
/// else they are read.
std::optional<Site> load_site(const Places&, AdapterRegistry&, boost::asio::io_context&, base::Timers&, base::Random&,
                              base::Diagnostics&, const StateStore* state = nullptr,
                              std::shared_ptr<const lwm2m::ObjectCatalog> catalog = nullptr);
/// The built-in objects, and those of `places.models` (refused files are told in the log).
std::unique_ptr<lwm2m::ObjectCatalog> load_catalog(const Places&);
/// Sources::make for a registry.
std::function<std::unique_ptr<adapters::Adapter>(std::string_view, base::Fields&)> adapter_maker(AdapterRegistry&,
                                                                                                 boost::asio::io_context&,
                                                                                                 base::Timers&, base::Random&);

}  // namespace gateway
