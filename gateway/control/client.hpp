#pragma once

#include "gateway/base/result.hpp"
#include "gateway/control/json.hpp"

#include <chrono>
#include <functional>
#include <string>

namespace gateway::control {

/// The other end of the control socket, for the verbs: blocks, one request at a time.
class Client {
public:
    /// How long an answer or the next event may take; longer than anything that the desk waits for.
    static constexpr std::chrono::seconds patience{30};

    Client() = default;
    ~Client();
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;

    /// Errc::offline: nobody is there. Errc::unauthorized: this user may not.
    static base::Result<Client> connect(const std::string& path);

    /// Told each event; false ends the request.
    using OnEvent = std::function<bool(const Json& event, std::uint64_t dropped)>;
    /// The answer, or the error that the gateway says; Errc::timeout, offline or malformed when it says none.
    /// `endless`: events may be far apart. A request that `on_event` ended is answered with null; the connection is over.
    base::Result<Json> ask(const std::string& what, const Json& with, const OnEvent& on_event = {}, bool endless = false);

private:
    base::Result<std::string> line(std::chrono::steady_clock::time_point until);
    int socket_ = -1;
    std::string pending_;
    std::int64_t last_ = 0;
};

}  // namespace gateway::control
