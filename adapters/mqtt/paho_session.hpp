#pragma once

#include "adapters/mqtt/session.hpp"
#include "adapters/mqtt/worker.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <memory>

namespace adapters::mqtt {

/// A connection by Eclipse Paho. Its call-backs, which run on threads of the library, only hand over to the loop; its calls
/// are made by `worker`, never by the loop. Names are asked for by Asio first, since Paho would do it under a lock that
/// every connection of the process waits for.
std::unique_ptr<Session> paho_session(const LinkSettings&, boost::asio::any_io_executor, std::shared_ptr<Worker>,
                                      Session::Events&);

}  // namespace adapters::mqtt
