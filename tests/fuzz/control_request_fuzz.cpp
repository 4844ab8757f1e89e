#include "gateway/control/request.hpp"

#include <cstdlib>

/// What comes over the control socket: a request is understood or refused, and the answer is one line of JSON.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gateway::control;
    const std::string_view line(reinterpret_cast<const char*>(data), size);
    const auto request = parse_request(line);
    std::string answer;
    if (request) {
        Arguments arguments(request->with);
        arguments.text("device");
        arguments.need("link");
        arguments.number("share", 0.01, 1);
        arguments.flag("force");
        arguments.words("address");
        const auto value = arguments.scalar("value");
        const auto done = arguments.done();
        answer = answer_line(request->id, done ? base::Result<Json>(Json{{"value", value}, {"with", request->with}})
                                               : tl::unexpected(done.error()));
    } else {
        answer = answer_line(0, tl::unexpected(request.error()));
    }
    if (answer.empty() || answer.find('\n') != answer.size() - 1 || !Json::accept(answer)) std::abort();
    return 0;
}
