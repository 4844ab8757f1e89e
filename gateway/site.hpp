#pragma once

#include "config/config.hpp"
#include "gateway/adapter_registry.hpp"
#include "mapping/compile.hpp"

#include <boost/asio/io_context.hpp>
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

/// A site that was understood: everything a verb needs, nothing started.
struct Site {
    config::Site config;
    std::unique_ptr<lwm2m::ObjectCatalog> catalog;
    std::unique_ptr<mapping::Plan> plan;
};

/// Loads the plugins; what cannot be loaded is told in the log.
AdapterRegistry load_adapters(const Places&);
/// Reads and compiles; every mistake of every file is in the diagnostics when nothing is returned.
std::optional<Site> load_site(const Places&, const AdapterRegistry&, boost::asio::io_context&, base::Timers&, base::Random&,
                              base::Diagnostics&);
/// The built-in objects, and those of `places.models` (refused files are told in the log).
std::unique_ptr<lwm2m::ObjectCatalog> load_catalog(const Places&);
/// Sources::make for a registry.
std::function<std::unique_ptr<adapters::Adapter>(std::string_view, base::Fields&)> adapter_maker(const AdapterRegistry&,
                                                                                                 boost::asio::io_context&,
                                                                                                 base::Timers&, base::Random&);

}  // namespace gateway
