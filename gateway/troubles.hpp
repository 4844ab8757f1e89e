#pragma once

#include "gateway/end_devices.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

namespace gateway {

/// The last failure of each device, point and action that had one, for `status` and `devices`. Costs nothing where all
/// is well; at most `most` are kept.
class Troubles {
public:
    static constexpr std::size_t most = 4'096, most_text = 200;
    enum class Of : std::uint8_t { device, point, action };
    struct Trouble {
        std::string what;
        base::WallTime at{};
        std::uint64_t count = 0;
    };

    /// `number`: of the point or action; 0 for the device.
    void tell(DeviceIndex device, Of of, std::uint16_t number, std::string_view what, base::WallTime at) {
        const Key key{device, of, number};
        auto found = all_.find(key);
        if (found == all_.end()) {
            if (all_.size() >= most) return;
            found = all_.emplace(key, Trouble{}).first;
        }
        what = what.substr(0, most_text);
        if (found->second.what != what) found->second.what = what;
        found->second.at = at;
        ++found->second.count;
    }
    const Trouble* find(DeviceIndex device, Of of, std::uint16_t number = 0) const {
        const auto found = all_.find({device, of, number});
        return found == all_.end() ? nullptr : &found->second;
    }
    void forget(DeviceIndex device) {
        all_.erase(all_.lower_bound({device, Of::device, 0}), all_.lower_bound({device + 1, Of::device, 0}));
    }
    std::size_t size() const { return all_.size(); }

private:
    using Key = std::tuple<DeviceIndex, Of, std::uint16_t>;
    std::map<Key, Trouble> all_;
};

}  // namespace gateway
