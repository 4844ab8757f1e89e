#pragma once

#include "gateway/intake.hpp"
#include "gateway/poll_scheduler.hpp"
#include "gateway/write_guard.hpp"

#include <memory>
#include <string>
#include <vector>

namespace gateway {

/// Runs the links: starts and stops their adapters, polls what the scheduler says, one poll in flight on each link,
/// and hands everything that comes to the intake.
class LinkHost {
public:
    /// `plan` outlives the host.
    LinkHost(mapping::Plan& plan, EndDevices&, Intake&, WriteGuard&, base::Timers&);
    ~LinkHost();

    void start();
    /// Calls `done` once, when every adapter has stopped.
    void stop(std::function<void()> done);

    adapters::Adapter& driver(DeviceIndex device) { return *plan_.links[devices_.at(device).spec->link].driver; }
    /// The device answered a server's request: what waited for it is polled now.
    void came_back(DeviceIndex device);
    /// Errc::offline with the reason when the link of the device is known to be away.
    base::Result<void> available(DeviceIndex device) const;
    /// A poll may take so long, waiting for its turn included; then the link is taken for stuck.
    static constexpr std::chrono::seconds poll_limit{30};
    /// Name of a link whose poll is unanswered long after its deadline, "" when all make progress.
    std::string stuck() const;
    std::size_t links_up() const;
    std::size_t links() const { return links_.size(); }

private:
    struct Running;

    void pump(std::size_t link);
    void arm(std::size_t link);
    void polled(std::size_t link, const PollScheduler::Due&, WriteGuard::Stamp, adapters::Adapter::Values);

    mapping::Plan& plan_;
    EndDevices& devices_;
    Intake& intake_;
    WriteGuard& guard_;
    base::Timers& timers_;
    std::unique_ptr<PollScheduler> scheduler_;
    std::vector<std::unique_ptr<Running>> links_;
    bool stopping_ = false;
};

/// What one answer of a device says of its presence.
enum class Witness : std::uint8_t { heard, missed, link_away };
Witness witness_of(const adapters::Adapter::Values&);
/// The first failure's text, for the log.
std::string why_of(const adapters::Adapter::Values&);

}  // namespace gateway
