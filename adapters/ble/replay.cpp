#include "adapters/ble/replay.hpp"

#include <charconv>

namespace adapters::ble {

namespace {

constexpr std::string_view prefix = "replay ";
constexpr std::uint8_t keys = 64;

std::uint8_t key_of(const Address& address) { return address.bytes[5] % keys; }

}  // namespace

void ReplayBook::recall(const Words& remembered) {
    for (const auto& [key, value] : remembered) {
        if (!key.starts_with(prefix)) continue;
        for (std::string_view rest = value; !rest.empty();) {  // "C4:7C:8D:00:00:01=17 …"
            const auto end = std::min(rest.find(' '), rest.size());
            const auto entry = rest.substr(0, end);
            rest.remove_prefix(std::min(end + 1, rest.size()));
            const auto equals = entry.find('=');
            const auto address = Address::parse(entry.substr(0, equals));
            if (!address || equals == std::string_view::npos || counters_.size() >= most_devices) continue;
            std::uint32_t counter = 0;
            const auto [last, error] = std::from_chars(entry.data() + equals + 1, entry.data() + entry.size(), counter);
            if (error == std::errc{} && last == entry.data() + entry.size()) counters_[*address] = counter;
        }
    }
}

std::optional<std::uint32_t> ReplayBook::counter(const Address& address) const {
    const auto found = counters_.find(address);
    return found != counters_.end() ? std::optional(found->second) : std::nullopt;
}

bool ReplayBook::note(const Address& address, std::uint32_t counter) {
    const auto found = counters_.find(address);
    if (found == counters_.end() && counters_.size() >= most_devices) return false;
    if (found != counters_.end() && found->second == counter) return false;
    counters_[address] = counter;
    changed_.insert(key_of(address));
    return true;
}

void ReplayBook::forget(const Address& address) {
    if (counters_.erase(address) > 0) changed_.insert(key_of(address));
}

void ReplayBook::save(const std::function<void(std::string, std::string)>& remember) {
    std::map<std::uint8_t, std::string> texts;
    for (const auto key : changed_) texts[key];
    for (const auto& [address, counter] : counters_)
        if (const auto text = texts.find(key_of(address)); text != texts.end() && text->second.size() < longest_entry)
            text->second += fmt::format("{}{}={}", text->second.empty() ? "" : " ", address.str(), counter);
    for (auto& [key, text] : texts) remember(fmt::format("{}{:02x}", prefix, key), std::move(text));
    changed_.clear();
}

}  // namespace adapters::ble
