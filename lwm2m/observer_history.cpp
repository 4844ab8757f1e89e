#include "lwm2m/observer_watch.hpp"

#include "gateway/base/log.hpp"

#include <algorithm>

/// What a server missed while it was away (OMA Core 1.2 7.3.2 hqmax, /1/x/6; core digest 7.6).
namespace lwm2m {

namespace {

constexpr std::size_t most_in_one = 256;  // values in one notification of kept ones

bool says_times(ContentFormat format) { return format == ContentFormat::senml_json || format == ContentFormat::senml_cbor; }

std::size_t size_of(const std::vector<Entry>& entries) {
    std::size_t bytes = 64;
    for (const Entry& entry : entries) {
        bytes += sizeof(Entry) + entry.target.prefix.size();
        if (const auto* text = std::get_if<std::string>(&entry.value)) bytes += text->size();
        if (const auto* octets = std::get_if<Bytes>(&entry.value)) bytes += octets->size();
    }
    return bytes;
}

}  // namespace

std::size_t Observer::room(const Watch& watch) const {
    if (!watch.composite) return std::min<std::size_t>(watch.state.conditions().hqmax.value_or(usually_kept), most_kept);
    std::size_t most = 0;
    for (const Composite::Part& part : watch.composite->parts)
        most = std::max<std::size_t>(most, part.state.conditions().hqmax.value_or(usually_kept));
    return std::min(most, most_kept);
}

bool Observer::keeps(const Watch& watch) const {
    const auto account = accounts_.find(watch.asked.server);
    return account != accounts_.end() && account->second.storing && room(watch) > 0;
}

Observer::Stored Observer::stored(Watch& watch, std::vector<Entry> entries) const {
    const WallTime now = timers_.wall();
    for (Entry& entry : entries)
        if (!entry.at) entry.at = now;
    Stored item;
    item.number = watch.number;
    item.bytes = size_of(entries);
    item.entries = std::move(entries);
    return item;
}

void Observer::drop_oldest(Account& account, ServerId server) {
    const auto oldest = account.kept.begin();
    Watch* watch = find({server, oldest->second});
    account.kept.erase(oldest);
    account.kept_bytes -= watch->kept->front().bytes;
    watch->kept->pop_front();
}

void Observer::keep(Watch& watch, std::vector<Entry> entries) {
    Account& account = accounts_[watch.asked.server];
    Stored item = stored(watch, std::move(entries));
    item.order = ++order_;
    if (!watch.kept) watch.kept = std::make_unique<std::deque<Stored>>();
    account.kept.emplace(item.order, watch.asked.id);
    account.kept_bytes += item.bytes;
    watch.kept->push_back(std::move(item));
    const std::size_t most = room(watch);
    while (watch.kept->size() > most) {
        account.kept.erase(watch.kept->front().order);
        account.kept_bytes -= watch.kept->front().bytes;
        watch.kept->pop_front();
    }
    while (account.kept_bytes > most_kept_bytes) drop_oldest(account, watch.asked.server);
}

// Given to the transport; kept until it is known to have arrived.
void Observer::await(Watch& watch, Stored item) {
    Account& account = accounts_[watch.asked.server];
    if (!watch.unacked) watch.unacked = std::make_unique<std::deque<Stored>>();
    account.unacked_bytes += item.bytes;
    watch.unacked->push_back(std::move(item));
    while (watch.unacked->size() > room(watch) || (account.unacked_bytes > most_kept_bytes && !watch.unacked->empty())) {
        account.unacked_bytes -= watch.unacked->front().bytes;
        watch.unacked->pop_front();
    }
    if (watch.unacked->empty()) watch.unacked.reset();
}

std::deque<Observer::Stored> Observer::take_unacked(Watch& watch) {
    const auto unacked = std::exchange(watch.unacked, nullptr);
    if (!unacked) return {};
    for (const Stored& item : *unacked) accounts_[watch.asked.server].unacked_bytes -= item.bytes;
    return std::move(*unacked);
}

void Observer::drop_kept(Watch& watch) {
    take_unacked(watch);
    if (!watch.kept) return;
    Account& account = accounts_[watch.asked.server];
    for (const Stored& item : *watch.kept) {
        account.kept.erase(item.order);
        account.kept_bytes -= item.bytes;
    }
    watch.kept.reset();
}

void Observer::pause(ServerId server) {
    Account& account = accounts_[server];
    if (std::exchange(account.paused, true) || account.count == 0) return;
    // What was not acknowledged may not have arrived: it is told again, before all that comes now.
    for (const Key& key : keys_of(server)) {
        Watch& watch = *find(key);
        auto unacked = take_unacked(watch);
        if (keeps(watch))
            for (Stored& item : unacked) keep(watch, std::move(item.entries));
    }
}

void Observer::resume(ServerId server) {
    Account& account = accounts_[server];
    if (!std::exchange(account.paused, false) || account.count == 0) return;
    flush(server);
    for (const Key& key : keys_of(server)) process(key);
}

void Observer::flush(ServerId server) {
    Account& account = accounts_[server];
    while (!account.kept.empty() && !account.paused) {
        Watch& watch = *find({server, account.kept.begin()->second});
        std::vector<Entry> entries;
        // With their times many fit into one; without, each is told by itself.
        do {
            Stored& item = watch.kept->front();
            std::move(item.entries.begin(), item.entries.end(), std::back_inserter(entries));
            account.kept.erase(item.order);
            account.kept_bytes -= item.bytes;
            watch.kept->pop_front();
        } while (says_times(watch.asked.format) && !watch.kept->empty() &&
                 entries.size() + watch.kept->front().entries.size() <= most_in_one);
        if (watch.kept->empty()) watch.kept.reset();
        send_kept(watch, std::move(entries));
    }
}

// Confirmable, so that they arrive, and in their order; pmin does not count for what is late anyway.
void Observer::send_kept(Watch& watch, std::vector<Entry> entries) {
    const Asked& asked = watch.asked;
    access_.keep_readable(asked.server, entries);
    if (entries.empty()) return;
    const bool times = says_times(asked.format);
    const bool multiple =
        watch.state.kind() == Observation::Kind::composed && asked.target.path.level() == Path::Level::resource;
    auto payload = asked.paths.empty() ? codec::encode(asked.format, {asked.target, entries, multiple}, lookup_, times)
                                       : codec::encode_composite(asked.format, entries, lookup_, times);
    if (!payload) {
        base::log().debug("a kept notification cannot be encoded: {}", payload.error().message);
        return;
    }
    Response response{Code::content, static_cast<std::uint16_t>(asked.format), std::move(*payload)};
    response.number = ++watch.number;
    response.keep = true;
    response.observing = true;
    response.max_age = max_age(asked.server, asked.id);
    watch.confirmed_at = timers_.now();
    await(watch, stored(watch, std::move(entries)));
    transport_.notify(asked.server, asked.id, std::move(response), true);  // may end the watch
}

void Observer::acknowledged(ServerId server, ObservationId id, std::uint32_t number) {
    Watch* watch = find({server, id});
    if (watch == nullptr || !watch->unacked) return;
    std::size_t& bytes = accounts_[server].unacked_bytes;
    for (auto& unacked = *watch->unacked; !unacked.empty() && unacked.front().number <= number; unacked.pop_front())
        bytes -= unacked.front().bytes;
    if (watch->unacked->empty()) watch->unacked.reset();
}

void Observer::set_storing(ServerId server, bool storing) {
    Account& account = accounts_[server];
    if (std::exchange(account.storing, storing) == storing || storing) return;
    for (const Key& key : keys_of(server)) drop_kept(*find(key));
}

std::size_t Observer::kept_bytes(ServerId server) const {
    const auto account = accounts_.find(server);
    return account == accounts_.end() ? 0 : account->second.kept_bytes;
}

}  // namespace lwm2m
