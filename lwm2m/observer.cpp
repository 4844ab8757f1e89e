#include "lwm2m/observer.hpp"

#include "gateway/base/log.hpp"
#include "lwm2m/observer_watch.hpp"

#include <algorithm>

namespace lwm2m {

namespace {

// RFC 7641 4.5 wants a confirmable one at least every 24 h. We cannot know when the next will be due, so the first one
// after half of that is confirmable: any server that is told something twice a day is also asked twice a day.
constexpr auto confirm_after = std::chrono::hours(12);

}  // namespace

Observer::Observer(Transport& transport, ObjectTree& tree, const AttributeStore& attributes, const AccessControl& access,
                   base::Timers& timers, const codec::Lookup& lookup)
    : transport_(transport),
      tree_(tree),
      attributes_(attributes),
      access_(access),
      timers_(timers),
      lookup_(lookup),
      timer_(timers) {}

Observer::~Observer() = default;

std::vector<Observer::Key> Observer::keys_of(ServerId server) const {
    std::vector<Key> keys;
    for (const auto& [key, watch] : watches_)
        if (key.first == server) keys.push_back(key);
    return keys;
}

Observer::Watch* Observer::find(const Key& key) const {
    const auto found = watches_.find(key);
    return found == watches_.end() ? nullptr : found->second.get();
}

bool Observer::expect(ServerId server, ObservationId id) {
    Account& account = accounts_[server];
    const bool known = find({server, id}) != nullptr || account.expected.contains(id);
    if (!known && account.count + account.expected.size() >= most_per_server) return false;
    account.expected.insert(id);
    return true;
}

bool Observer::start(Asked asked, const std::vector<Entry>& entries, ByteView payload) {
    Account& account = accounts_[asked.server];
    if (account.expected.erase(asked.id) == 0) return false;
    const Key key{asked.server, asked.id};
    if (find(key) != nullptr) forget(key, false);  // the same token again replaces (RFC 7641 4.1)

    if (account.count + std::max<std::size_t>(asked.paths.size(), 1) > most_per_server) return false;

    const Instant now = timers_.now();
    const auto kind = asked.single ? Observation::Kind::single : Observation::Kind::composed;
    auto watch = std::make_unique<Watch>(Watch{std::move(asked), Observation(kind, {}), ++serial_, now, {}, false});
    if (!watch->asked.paths.empty()) {
        start_composite(*watch, entries, now);
        for (const Target& path : watch->asked.paths)
            watch->composite->places.push_back(branches_[path.prefix].emplace(path.path, watch.get()));
    } else {
        watch->state = Observation(kind, conditions(*watch, watch->asked.target));
        if (kind == Observation::Kind::single) {
            const bool any = !entries.empty();
            watch->state.started(any ? entries.front().value : Value{}, any ? entries.front().at : std::nullopt, now);
        } else {
            watch->state.started(digest_of(payload), parts_of(watch->state, entries), now);
        }
        watch->place = branches_[watch->asked.target.prefix].emplace(watch->asked.target.path, watch.get());
    }
    account.count += watch->weight();
    Watch& added = *watches_.emplace(key, std::move(watch)).first->second;
    tell_wanted(added);
    if (added.composite)
        process_composite(added);
    else
        schedule(added, added.state.deadline());
    return true;
}

void Observer::give_up(ServerId server, ObservationId id) { accounts_[server].expected.erase(id); }

void Observer::forget(const Key& key, bool tell_transport) {
    const auto found = watches_.find(key);
    if (found == watches_.end()) return;
    Watch& watch = *found->second;
    if (watch.scheduled) deadlines_.erase(watch.deadline);
    drop_kept(watch);
    const auto leave = [&](const Target& target, Branch::iterator place) {
        const auto branch = branches_.find(target.prefix);
        branch->second.erase(place);
        if (branch->second.empty()) branches_.erase(branch);
    };
    if (watch.asked.paths.empty()) leave(watch.asked.target, watch.place);
    for (std::size_t i = 0; i < watch.asked.paths.size(); ++i) leave(watch.asked.paths[i], watch.composite->places[i]);
    tell_wanted(watch);
    accounts_[key.first].count -= watch.weight();
    watches_.erase(found);
    if (deadlines_.empty()) timer_.cancel();
    if (tell_transport) transport_.end(key.first, key.second);
}

void Observer::cancel(ServerId server, ObservationId id) {
    accounts_[server].expected.erase(id);
    forget({server, id}, true);
}

void Observer::cancel_below(ServerId server, const Target& target) {
    const auto branch = branches_.find(target.prefix);
    if (branch == branches_.end()) return;
    std::vector<Key> keys;
    for (auto it = branch->second.lower_bound(target.path); it != branch->second.end() && target.path.covers(it->first); ++it)
        if (it->second->asked.server == server && it->second->asked.paths.empty()) keys.push_back(it->second->key());
    for (const Key& key : keys) forget(key, true);
}

void Observer::cancel_composite(ServerId server, const std::vector<Target>& paths) {
    std::vector<Key> keys = keys_of(server);
    std::erase_if(keys, [&](const Key& key) { return paths.empty() || find(key)->asked.paths != paths; });
    for (const Key& key : keys) forget(key, true);
}

void Observer::drop_all(ServerId server) {
    Account& account = accounts_[server];
    account.expected.clear();
    account.paused = false;
    if (account.count == 0) return;
    for (const Key& key : keys_of(server)) forget(key, true);
}

std::vector<Observer::Key> Observer::concerned(const Target& at) const {
    std::vector<Key> keys;
    const auto branch = branches_.find(std::string_view(at.prefix));
    if (branch == branches_.end()) return keys;
    const Branch& watches = branch->second;
    for (Path above = at.path; above.level() != Path::Level::root;) {
        above = above.parent();
        const auto [first, last] = watches.equal_range(above);
        for (auto it = first; it != last; ++it) keys.push_back(it->second->key());
    }
    for (auto it = watches.lower_bound(at.path); it != watches.end() && at.path.covers(it->first); ++it)
        keys.push_back(it->second->key());
    return keys;
}

void Observer::changed(const Target& target, const Value& value, WallTime at) {
    for (const Key& key : concerned(target)) {
        Watch* watch = find(key);
        if (watch == nullptr) continue;
        if (watch->composite) {
            touch_composite(*watch, target, &value, at);
        } else if (watch->state.kind() == Observation::Kind::composed) {
            // Sent from the timer, so that all that one poll brings goes out as one notification.
            watch->state.touch();
            schedule(*watch, watch->state.deadline());
        } else if (watch->asked.target.path == target.path) {
            watch->state.offer(value, at, timers_.now());
            process(*watch);
        } else {
            read(*watch);  // a resource instance below a resource that is new as a whole
        }
    }
}

void Observer::changed_below(const Target& at) {
    for (const Key& key : concerned(at)) {
        Watch* watch = find(key);
        if (watch == nullptr) continue;
        if (watch->composite) {
            touch_composite(*watch, at, nullptr, {});
        } else if (is_gone(*watch)) {
            end_gone(key);
        } else if (watch->state.kind() == Observation::Kind::composed) {
            watch->state.touch();
            schedule(*watch, watch->state.deadline());
        } else {
            read(*watch);
        }
    }
}

void Observer::removed(const Target& at) {
    const auto branch = branches_.find(std::string_view(at.prefix));
    if (branch == branches_.end()) return;
    std::vector<Key> keys;
    for (auto it = branch->second.lower_bound(at.path); it != branch->second.end() && at.path.covers(it->first); ++it)
        keys.push_back(it->second->key());
    for (const Key& key : keys) {
        Watch* watch = find(key);
        if (watch != nullptr && watch->composite)
            touch_composite(*watch, at, nullptr, {});  // it goes on with what is left
        else
            end_gone(key);
    }
}

void Observer::rights_changed() {
    std::vector<Key> keys;
    for (const auto& [key, watch] : watches_) keys.push_back(key);
    for (const Key& key : keys) process(key);
}

std::size_t Observer::size(ServerId server) const {
    const auto account = accounts_.find(server);
    return account == accounts_.end() ? 0 : account->second.count;
}

void Observer::process(const Key& key) {
    if (Watch* watch = find(key); watch != nullptr) process(*watch);
}

// Of an object as a whole it is only known after a read; then what is forbidden is left out.
bool Observer::may_tell(const Watch& watch) const {
    const Asked& asked = watch.asked;
    if (!asked.paths.empty()) return true;
    return asked.target.path.level() == Path::Level::object
               ? access_.allows_some(asked.server, asked.target, tree_, right::read)
               : access_.allows(asked.server, asked.target, right::read);
}

void Observer::process(Watch& watch) {
    if (watch.composite) {
        process_composite(watch);
        return;
    }
    if ((accounts_[watch.asked.server].paused && !keeps(watch)) || !may_tell(watch)) {
        schedule(watch, Instant::max());
        return;
    }
    switch (watch.state.next(timers_.now())) {
        case Observation::Next::send: {
            Observation::Sample sample = watch.state.sample();
            const bool stale = sample.stale;
            std::vector<Entry> entries;
            if (!std::holds_alternative<std::monostate>(sample.value))
                entries.push_back({watch.asked.target, std::move(sample.value), sample.at});
            notify(watch, std::move(entries), stale);
            return;
        }
        case Observation::Next::read: read(watch); return;
        case Observation::Next::wait: schedule(watch, watch.state.deadline()); return;
    }
}

void Observer::read(Watch& watch) {
    schedule(watch, watch.state.deadline());
    const Key key = watch.key();
    const std::uint64_t serial = watch.serial;
    const Target target = watch.asked.target;
    if (is_gone(watch)) {
        end_gone(key);
        return;
    }
    tree_.read(target, [this, alive = std::weak_ptr(alive_), key, serial](Result<std::vector<Entry>> entries) {
        if (!alive.expired()) finish_read(key, serial, std::move(entries));
    });
}

void Observer::finish_read(const Key& key, std::uint64_t serial, Result<std::vector<Entry>> entries) {
    Watch* watch = find(key);
    if (watch == nullptr || watch->serial != serial) return;
    const Instant now = timers_.now();
    if (!entries) {
        if (is_gone(*watch)) {
            end_gone(key);
            return;
        }
        watch->state.read_failed(now);
        process(*watch);
        return;
    }
    if (watch->state.kind() == Observation::Kind::single) {
        if (entries->empty())
            watch->state.read_failed(now);
        else
            watch->state.read_done(std::move(entries->front().value), entries->front().at, now);
        process(*watch);
        return;
    }
    access_.keep_readable(key.first, *entries);
    auto parts = parts_of(watch->state, *entries);
    const Target& target = watch->asked.target;
    const codec::Content content{target, std::move(*entries), target.path.level() == Path::Level::resource};
    auto payload = codec::encode(watch->asked.format, content, lookup_);
    if (!payload) {
        base::log().debug("notification of {} cannot be encoded: {}", target.str(), payload.error().message);
        watch->state.read_failed(now);
    } else if (watch->state.read_done(digest_of(*payload), std::move(parts), now)) {
        if (!accounts_[key.first].paused) {
            watch->state.sent(now);
            send(*watch, std::move(*payload), content.entries);
            return;
        }
        if (keeps(*watch)) {
            watch->state.sent(now);
            keep(*watch, content.entries);
        } else {
            watch->state.touch();  // looked at again when the server is back
        }
    }
    process(*watch);
}

Observation::Parts Observer::parts_of(const Observation& state, const std::vector<Entry>& entries) {
    Observation::Parts parts;
    if (!state.wants_parts()) return parts;
    for (const Entry& entry : entries)
        if (entry.target.path.level() == Path::Level::resource_instance)
            parts.emplace_back(entry.target.path.resource_instance(), entry.value);
    return parts;
}

void Observer::notify(Watch& watch, std::vector<Entry> entries, bool with_time) {
    const Instant now = timers_.now();
    watch.state.sent(now);
    if (accounts_[watch.asked.server].paused) {
        keep(watch, std::move(entries));
        schedule(watch, watch.state.deadline());
        return;
    }
    const codec::Content content{watch.asked.target, std::move(entries), false};
    auto payload = codec::encode(watch.asked.format, content, lookup_, with_time);
    if (!payload) {
        // For example a value that its type cannot say: counted as sent, or it would be tried for ever.
        base::log().debug("notification of {} cannot be encoded: {}", watch.asked.target.str(), payload.error().message);
        schedule(watch, watch.state.deadline());
        return;
    }
    send(watch, std::move(*payload), content.entries);
}

void Observer::send(Watch& watch, Bytes payload, const std::vector<Entry>& entries) {
    const Instant now = timers_.now();
    bool confirmable = now - watch.confirmed_at >= confirm_after;
    if (watch.composite) {
        for (const Composite::Part& part : watch.composite->parts)
            confirmable = confirmable || part.state.conditions().confirmable;
    } else {
        confirmable = confirmable || watch.state.conditions().confirmable;
        schedule(watch, watch.state.deadline());
    }
    Response response{Code::content, static_cast<std::uint16_t>(watch.asked.format), std::move(payload)};
    if (confirmable) {
        watch.confirmed_at = now;
        response.number = ++watch.number;
        if (keeps(watch)) await(watch, stored(watch, entries));
    }
    response.max_age = max_age(watch.asked.server, watch.asked.id);
    response.observing = true;
    transport_.notify(watch.asked.server, watch.asked.id, std::move(response), confirmable);  // may end the watch
}

bool Observer::is_gone(const Watch& watch) const {
    if (watch.composite) return false;
    const Target& target = watch.asked.target;
    if (target.path.level() == Path::Level::object) return tree_.object(target.prefix, target.path.object()) == nullptr;
    return !tree_.exists(target);
}

void Observer::end_gone(const Key& key) {
    if (find(key) == nullptr) return;
    forget(key, false);
    transport_.notify(key.first, key.second, Response{Code::not_found}, true);
    transport_.end(key.first, key.second);
}

void Observer::schedule(Watch& watch, Instant when) {
    if (watch.scheduled) {
        if (watch.deadline->first == when) return;
        deadlines_.erase(watch.deadline);
        watch.scheduled = false;
    }
    if (when == Instant::max()) return;
    watch.deadline = deadlines_.emplace(when, &watch);
    watch.scheduled = true;
    arm();
}

// Only moved when something earlier comes: a timer that fires for nothing is cheaper than one that is always reset.
void Observer::arm() {
    if (deadlines_.empty()) {
        timer_.cancel();
        return;
    }
    const Instant first = deadlines_.begin()->first;
    if (timer_.is_set() && armed_for_ <= first) return;
    armed_for_ = first;
    timer_.set(first, [this] { fire(); });
}

void Observer::fire() {
    armed_for_ = Instant::max();
    const Instant now = timers_.now();
    std::vector<Key> due;
    for (auto it = deadlines_.begin(); it != deadlines_.end() && it->first <= now; ++it) due.push_back(it->second->key());
    for (const Key& key : due) {
        Watch* watch = find(key);
        if (watch == nullptr) continue;
        schedule(*watch, Instant::max());
        process(*watch);
    }
    arm();
}

}  // namespace lwm2m
