#include "gateway/base/log.hpp"
#include "gateway/cli/output.hpp"
#include "gateway/cli/way.hpp"
#include "gateway/control/capture.hpp"

#include <fstream>
#include <iostream>

namespace gateway::cli {

int trace(const Options& options, const TraceOptions& wanted) {
    int status = 0;
    const auto way = find_way("trace", options, {"", wanted.link, true}, status);
    if (way == nullptr) return status;
    std::ofstream file;
    std::optional<control::Capture> capture;
    unsigned seen = 0;
    bool disk = true;
    const auto answer = way->ask(
        "trace", Json{{"link", wanted.link}},
        [&](const Json& event, std::uint64_t dropped) {
            if (event.contains("link")) {
                // Now it is known that there is such a link.
                if (!wanted.pcap.empty()) file.open(wanted.pcap, std::ios::binary | std::ios::trunc);
                disk = file.good();
                return disk;
            }
            if (dropped > 0)
                std::cerr << fmt::format("lwm2m-gateway trace: {} dropped\n", count(dropped, "frame was", "frames were"));
            const bool sent = event.value("sent", false);
            const auto at = event.value("at", std::int64_t{0});
            const auto hex = event.value("bytes", std::string());
            if (!wanted.pcap.empty()) {
                const auto frame = base::from_hex(hex).value_or(base::Bytes{});
                if (!capture) {
                    capture.emplace(control::Capture::kind_of(frame));
                    file << capture->header();
                }
                file << capture->packet(sent, base::WallTime(base::Milliseconds(at)), frame) << std::flush;
                disk = file.good();
            }
            if (options.json)
                std::cout << control::line_of(event) << '\n';
            else
                std::cout << fmt::format("{} {} {}  {}\n", moment(at), sent ? "->" : "<-", text_of(event, "text"),
                                         base::printable(hex, 600));
            std::cout << std::flush;
            return disk && std::cout.good() && (wanted.count == 0 || ++seen < wanted.count);
        },
        true);
    if (!disk) return complain("trace", fmt::format("{} cannot be written", wanted.pcap), problem);
    if (!answer) return failed("trace", options, answer.error());
    return well;
}

}  // namespace gateway::cli
