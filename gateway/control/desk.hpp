#pragma once

#include "gateway/control/field.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace gateway::control {

/// Answers the requests of the control socket. Core loop only; nothing in here waits.
///
/// | do       | with                                  | events, and the answer                                        |
/// | hello    |                                       | version, endpoint, folder of the site, process                |
/// | status   |                                       | servers, links, devices by presence, memory                   |
/// | devices  | device                                | all, or one with its points                                   |
/// | read     | device, point                         | a point each; {points}                                        |
/// | fetch    | link, address {unit, at, count}       | {request, bytes}                                              |
/// | write    | device, point, value                  | {value}: what was read back                                   |
/// | put      | link, address {unit, at, value}, force | {}                                                           |
/// | scan     | link, options, share                  | {found} and {progress}; {found: how many}                     |
/// | trace    | link                                  | {sent, at, bytes, text}; no end but the caller's              |
/// | discover | op: list, approve, refuse, forget; which | {devices}                                                  |
/// | reload   |                                       | what changed                                                  |
class Desk {
public:
    /// How long one read or write of a device may take, its turn on the link included.
    static constexpr std::chrono::seconds request_limit{10};
    /// Callers that one link's trace goes to.
    static constexpr std::size_t most_tracers = 8;

    explicit Desk(Field& field) : field_(field) {}
    ~Desk();
    Desk(const Desk&) = delete;
    Desk& operator=(const Desk&) = delete;

    void handle(const std::shared_ptr<Call>&);
    /// After a reload: traces go on where their link does; those whose link went end with Errc::offline.
    void settled();

private:
    struct Reading;
    struct Asked;

    void hello(const std::shared_ptr<Call>&);
    void status(const std::shared_ptr<Call>&);
    void devices(const std::shared_ptr<Call>&);
    void read(const std::shared_ptr<Call>&);
    void fetch(const std::shared_ptr<Call>&);
    void write(const std::shared_ptr<Call>&);
    void put(const std::shared_ptr<Call>&);
    void scan(const std::shared_ptr<Call>&);
    void trace(const std::shared_ptr<Call>&);
    void discover(const std::shared_ptr<Call>&);
    void reload(const std::shared_ptr<Call>&);

    base::Result<DeviceIndex> device_of(const std::string& id);
    base::Result<PointNumber> point_of(DeviceIndex, const std::string& name);
    base::Result<std::size_t> link_of(const std::string& name);
    Json summary(DeviceIndex);
    Json point(DeviceIndex, PointNumber);
    void read_next(const std::shared_ptr<Reading>&);
    void answered(const Asked&, base::Result<adapters::Adapter::Raw>);
    void read_done(const std::shared_ptr<Reading>&, Json);
    void listen(std::size_t link);
    void leave(const std::string& link, const Call*);

    Field& field_;
    std::map<std::string, std::vector<std::shared_ptr<Call>>> tracers_;  // by link
    std::shared_ptr<int> here_ = std::make_shared<int>();                // expires with us
};

}  // namespace gateway::control
