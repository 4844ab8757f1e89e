#pragma once

#include "lwm2m/dispatcher.hpp"

/// Private to the dispatcher's sources.
namespace lwm2m {

/// Of our own tree: credentials, which no server may touch by any operation (OMA Core 1.2 6.3; core digest 5, rule 1).
constexpr bool is_closed(std::uint32_t object) { return object == 0 || object == 21 || object == 23; }

constexpr std::uint16_t number(ContentFormat format) { return static_cast<std::uint16_t>(format); }

/// A single resource or a resource instance: one value.
inline bool is_single(const Target& target, const ResourceDef* definition) {
    return definition != nullptr && (!definition->multiple || target.path.level() == Path::Level::resource_instance);
}

/// One request on its way; lives until it is answered.
struct Dispatcher::Job {
    Job(Peer& by, const std::shared_ptr<const bool>& dispatcher, Request asked, Reply to)
        : peer(&by), alive(dispatcher), request(std::move(asked)), reply(std::move(to)) {
        ++peer->waiting;
    }
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;
    ~Job() {
        if (!alive.expired()) --peer->waiting;
    }

    void answer(Response);
    void refuse(const Error&);
    void finish(const Result<void>& done) {
        if (done)
            answer({success});
        else
            refuse(done.error());
    }

    Peer* peer;
    std::weak_ptr<const bool> alive;  // of the dispatcher: a device may answer after it is gone
    Request request;
    Reply reply;
    Target target;
    Code success = Code::internal;
    const ResourceDef* definition = nullptr;
    ContentFormat format{};
    bool observing = false;
    std::optional<Attributes> own{};
};

}  // namespace lwm2m
