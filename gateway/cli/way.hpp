#pragma once

#include "gateway/cli/cli.hpp"
#include "gateway/control/client.hpp"

#include <functional>
#include <memory>
#include <string>

namespace gateway::cli {

using control::Json;

/// A verb's way to the devices: the running gateway by its socket; or, where none runs for the site of --config, the link
/// opened from here, without a server.
class Way {
public:
    virtual ~Way() = default;
    /// As control::Client::ask.
    virtual base::Result<Json> ask(const std::string& what, const Json& with, const control::Client::OnEvent& on_event = {},
                                   bool endless = false) = 0;
    /// Folder of the site, "" when it is not known.
    const std::string& config() const { return config_; }
    /// Whether a running gateway answers.
    bool daemon() const { return daemon_; }

protected:
    std::string config_;
    bool daemon_ = false;
};

/// What is to be opened where no gateway runs.
struct Wanted {
    std::string device, link;  ///< one of them; both empty: only a running gateway will do
    bool polls = false;        ///< with its polls, for those who look on
};

/// Null: it was said on stderr why, and `status` is what to exit with.
std::unique_ptr<Way> find_way(std::string_view verb, const Options&, const Wanted&, int& status);

/// For verbs that fail with what a way answered: said on stderr (with --json on stdout too), returns the exit status.
int failed(std::string_view verb, const Options&, const base::Error&);

}  // namespace gateway::cli
