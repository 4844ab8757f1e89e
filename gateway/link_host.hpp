#pragma once

#include "gateway/intake.hpp"
#include "gateway/poll_scheduler.hpp"
#include "gateway/troubles.hpp"
#include "gateway/write_guard.hpp"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace gateway {

/// Runs the links: starts and stops their adapters, polls what the schedulers say, as many at once as the adapter wants,
/// and hands everything that comes to the intake.
class LinkHost {
public:
    /// `plan` outlives the host, or is followed by another adopt().
    LinkHost(mapping::Plan& plan, EndDevices&, Intake&, WriteGuard&, base::Timers&);
    ~LinkHost();

    /// Links begin a little after each other, the last one a second after the first at most, so that a site of many does
    /// not ask for everything in the same moment.
    void start();
    /// Calls `done` once, when every adapter has stopped.
    void stop(std::function<void()> done);

    adapters::Adapter& driver(DeviceIndex device) { return *plan_->links[devices_.at(device).spec->link].driver; }
    /// The device answered a server's request: what waited for it is polled now.
    void came_back(DeviceIndex device);
    /// Errc::offline with the reason when the link of the device is known to be away, or is being closed by a reload.
    base::Result<void> available(DeviceIndex device) const;
    /// A poll may take so long, waiting for its turn included; then the link is taken for stuck.
    static constexpr std::chrono::seconds poll_limit{30};
    /// Name of a link whose poll is unanswered long after its deadline, "" when all make progress.
    std::string stuck() const;
    /// Its adapter said that it is away, and has not said since that it is back.
    bool is_down(std::size_t link) const;
    std::size_t links_up() const;
    std::size_t links() const { return links_.size(); }

    /// One link as `status` shows it.
    struct Status {
        std::string name, adapter, where;
        bool up = false, known = false;  ///< known: the adapter has said so
        std::string reason;              ///< why it is down
        base::Instant since{};           ///< of the last change
        std::size_t devices = 0, online = 0, offline = 0;
        std::uint64_t polls = 0, unanswered = 0;
        double busy = 0;                         ///< share of the last minute or so that polls took, 0 to 1
        base::Milliseconds late{}, most_late{};  ///< how long after its time the last poll left, and the worst since the start
    };
    Status status(std::size_t link) const;

    /// Somebody waits for this device to come back: it is probed soon, and from then on as if it had just gone.
    void probe(DeviceIndex);
    /// What a device that answered said of single points.
    void note(DeviceIndex, std::span<const PointNumber>, const adapters::Adapter::Values&);
    Troubles& troubles() { return troubles_; }
    const Troubles& troubles() const { return troubles_; }

    /// A server's observation wants this group as often as `period`; nothing ends that. Kept until the link is closed.
    void hasten(DeviceIndex, std::uint16_t group, std::optional<base::Milliseconds> period);

    /// What adapters learned and found; set before start().
    std::function<adapters::Words(const std::string& link)> recall;
    std::function<void(const std::string& link, std::string key, std::string value)> on_remember;
    std::function<void(std::size_t link, adapters::RuleId, adapters::Found)> on_found;

    // -- Reload.

    std::function<void(DeviceIndex)> on_halt;
    /// Stops the adapters of these links; requests for their devices are refused from now on, and `on_halt` is called for
    /// each device to answer those under way. `done` is called once, never from within this call.
    void halt(const std::vector<std::size_t>& links, std::function<void()> done);
    /// The next plan runs: by its links, the old link that goes on in it with driver and schedule, or SIZE_MAX for one
    /// that is started now. Devices are in their new places already. Old links that go nowhere were halted before.
    void adopt(mapping::Plan& next, const std::vector<std::size_t>& from);

private:
    struct Running;

    void begin(std::size_t link);
    void pump(Running&);
    void arm(Running&);
    void polled(Running&, const PollScheduler::Due&, base::Instant asked, WriteGuard::Stamp, adapters::Adapter::Values);
    std::vector<DeviceIndex> devices_of(std::size_t link) const;

    mapping::Plan* plan_;
    EndDevices& devices_;
    Intake& intake_;
    WriteGuard& guard_;
    base::Timers& timers_;
    Troubles troubles_;
    std::vector<std::unique_ptr<Running>> links_;
    bool started_ = false, stopping_ = false;
};

/// What one answer of a device says of its presence.
enum class Witness : std::uint8_t { heard, missed, link_away };
Witness witness_of(const adapters::Adapter::Values&);
/// The first failure's text, for the log.
std::string why_of(const adapters::Adapter::Values&);

}  // namespace gateway
