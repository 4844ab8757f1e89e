#include "lwm2m/observer_watch.hpp"

#include "gateway/base/log.hpp"

#include <algorithm>

/// Observe-Composite (OMA Core 1.2 6.4.4): one observation over paths of several trees.
namespace lwm2m {

namespace {

bool is_single(const ObjectTree& tree, const Target& target) {
    if (target.path.level() < Path::Level::resource) return false;
    const ResourceDef* definition = tree.definition(target);
    return definition != nullptr && (!definition->multiple || target.path.level() == Path::Level::resource_instance);
}

const Entry* entry_of(const std::vector<Entry>& entries, const Target& target) {
    const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.target == target; });
    return found == entries.end() ? nullptr : &*found;
}

std::uint64_t digest(const std::vector<Entry>& entries, const codec::Lookup& lookup) {
    const auto bytes = codec::encode_composite(ContentFormat::lwm2m_cbor, entries, lookup);
    return bytes ? digest_of(*bytes) : 0;
}

}  // namespace

void Observer::start_composite(Watch& watch, const std::vector<Entry>& entries, Instant now) {
    watch.composite = std::make_unique<Composite>();
    for (const Target& path : watch.asked.paths) {
        const auto kind = is_single(tree_, path) ? Observation::Kind::single : Observation::Kind::composed;
        Composite::Part part{path, Observation(kind, conditions(watch, path))};
        std::vector<Entry> its;
        for (const Entry& entry : entries)
            if (path.covers(entry.target)) its.push_back(entry);
        if (kind == Observation::Kind::single) {
            const Entry* entry = entry_of(its, path);
            part.state.started(entry == nullptr ? Value{} : entry->value, entry == nullptr ? std::nullopt : entry->at, now);
        } else {
            part.state.started(digest(its, lookup_), parts_of(part.state, its), now);
        }
        watch.composite->parts.push_back(std::move(part));
    }
}

void Observer::touch_composite(Watch& watch, const Target& target, const Value* value, std::optional<WallTime> at) {
    Composite& composite = *watch.composite;
    for (Composite::Part& part : composite.parts) {
        if (!part.target.covers(target) && !target.covers(part.target)) continue;
        if (part.state.kind() == Observation::Kind::composed)
            part.state.touch();
        else if (value != nullptr && part.target == target)
            part.state.offer(*value, at, timers_.now());
        else
            composite.dirty = true;
    }
    if (composite.reading) return;
    // From the timer, so that all that one poll brings goes out as one notification.
    Instant when = composite.dirty ? timers_.now() : Instant::max();
    for (const Composite::Part& part : composite.parts) when = std::min(when, part.state.deadline());
    schedule(watch, when);
}

void Observer::process_composite(Watch& watch) {
    Composite& composite = *watch.composite;
    if (composite.reading || (accounts_[watch.asked.server].paused && !keeps(watch))) {
        schedule(watch, Instant::max());
        return;
    }
    bool due = std::exchange(composite.dirty, false);
    const Instant now = timers_.now();
    for (Composite::Part& part : composite.parts) due = part.state.next(now) != Observation::Next::wait || due;
    if (!due) {
        Instant when = Instant::max();
        for (const Composite::Part& part : composite.parts) when = std::min(when, part.state.deadline());
        schedule(watch, when);
        return;
    }
    composite.reading = true;
    schedule(watch, Instant::max());
    gather(tree_, access_, watch.asked.server, watch.asked.paths,
           [this, alive = std::weak_ptr(alive_), key = watch.key(), serial = watch.serial](std::vector<Gathered> parts) {
               if (!alive.expired()) finish_composite(key, serial, std::move(parts));
           });
}

void Observer::finish_composite(const Key& key, std::uint64_t serial, std::vector<Gathered> brought) {
    Watch* watch = find(key);
    if (watch == nullptr || watch->serial != serial) return;
    Composite& composite = *watch->composite;
    composite.reading = false;
    const Instant now = timers_.now();
    bool speaks = false, stale = false;
    for (std::size_t i = 0; i < composite.parts.size(); ++i) {
        Composite::Part& part = composite.parts[i];
        std::vector<Entry>& entries = brought[i].entries;
        access_.keep_readable(key.first, entries);
        const bool single = part.state.kind() == Observation::Kind::single;
        if (brought[i].why == Gathered::Why::failed) {
            part.state.read_failed(now);
            if (!single) continue;
            speaks = part.state.next(now) == Observation::Next::send || speaks;
            // What is away is told as it was last known, with its time.
            if (auto sample = part.state.sample(); sample.value.index() != 0) {
                entries.push_back({part.target, std::move(sample.value), sample.at});
                stale = true;
            }
        } else if (single) {
            const Entry* entry = entry_of(entries, part.target);
            part.state.read_done(entry == nullptr ? Value{} : entry->value, entry == nullptr ? std::nullopt : entry->at, now);
            speaks = part.state.next(now) == Observation::Next::send || speaks;
        } else {
            auto parts = parts_of(part.state, entries);
            speaks = part.state.read_done(digest(entries, lookup_), std::move(parts), now) || speaks;
        }
    }
    if (speaks) {
        const bool paused = accounts_[key.first].paused;
        if (paused && !keeps(*watch)) {
            composite.dirty = true;  // looked at again when the server is back
            schedule(*watch, Instant::max());
            return;
        }
        for (Composite::Part& part : composite.parts) part.state.sent(now);
        auto entries = joined(std::move(brought));
        if (paused) {
            keep(*watch, std::move(entries));
        } else if (auto payload = codec::encode_composite(watch->asked.format, entries, lookup_, stale); payload) {
            send(*watch, std::move(*payload), entries);
            watch = find(key);
            if (watch == nullptr) return;
        } else {
            base::log().debug("a composite notification cannot be encoded: {}", payload.error().message);
        }
    }
    process_composite(*watch);
}

}  // namespace lwm2m
