#include "lwm2m/composite.hpp"
#include "lwm2m/dispatch_job.hpp"
#include "lwm2m/dispatcher.hpp"
#include "lwm2m/transaction.hpp"

/// Read-Composite, Observe-Composite and Write-Composite over our own and the devices' trees (OMA Core 1.2 6.3.8, 6.3.9,
/// 6.4.4; Gateway 1.1 8.3.2).
namespace lwm2m {

namespace {

using Level = Path::Level;

bool is_closed_target(const Target& target) {
    return target.prefix.empty() && target.path.level() != Level::root && is_closed(target.path.object());
}

// One after the other, as each may wait for a device; the first failure ends it.
void remove_next(ObjectTree& tree, const std::shared_ptr<std::vector<Target>>& targets, const Done<void>& done) {
    if (targets->empty()) {
        done({});
        return;
    }
    const Target target = std::move(targets->back());
    targets->pop_back();
    tree.remove(target, [&tree, targets, done](const Result<void>& removed) {
        if (!removed)
            done(removed);
        else
            remove_next(tree, targets, done);
    });
}

}  // namespace

Result<void> Dispatcher::read_composite(const JobPtr& job) {
    const Request& request = job->request;
    if (!request.content_format) return fail(Errc::bad_request, "paths without Content-Format");
    const auto format = static_cast<ContentFormat>(*request.content_format);
    if (format != ContentFormat::senml_json && format != ContentFormat::senml_cbor &&
        format != ContentFormat::senml_etch_json && format != ContentFormat::senml_etch_cbor)
        return fail(Errc::unsupported_format, fmt::format("format {}", *request.content_format));
    job->format = static_cast<ContentFormat>(request.accept.value_or(number(ContentFormat::senml_cbor)));
    if (job->format != ContentFormat::senml_json && job->format != ContentFormat::senml_cbor &&
        job->format != ContentFormat::lwm2m_cbor)
        return fail(Errc::not_acceptable, fmt::format("not in format {}", *request.accept));
    auto named = codec::decode_targets(format, request.payload);
    if (!named) return tl::unexpected(named.error());
    if (named->size() > most_targets) return fail(Errc::bad_request, fmt::format("over {} paths", most_targets));

    if (request.observe == Observe::start) {
        if (named->empty()) return fail(Errc::bad_request, "nothing to observe");
        if (!request.query.empty()) {
            for (const std::string& option : request.query)
                if (option.find('=') == std::string::npos) return fail(Errc::bad_request, "an attribute without value");
            auto change = parse_attributes(request.query, job->peer->minor);
            if (!change) return tl::unexpected(change.error());
            // Only what could be attached to an object (OMA Core 1.2 6.4.4).
            if (auto checked = check_attributes(change->set, nullptr); !checked) return checked;
            job->own = change->set;
        }
        job->observing = request.observation != 0 && observer_.expect(job->peer->id, request.observation);
    } else if (request.observe == Observe::cancel) {
        if (request.observation != 0)
            observer_.cancel(job->peer->id, request.observation);
        else
            observer_.cancel_composite(job->peer->id, *named);
    }
    const auto paths = std::make_shared<std::vector<Target>>(std::move(*named));
    gather(tree_, access_, job->peer->id, *paths, [this, job, paths](std::vector<Gathered> parts) {
        if (!job->alive.expired()) answer_composite(*job, std::move(*paths), std::move(parts));
    });
    return {};
}

void Dispatcher::answer_composite(Job& job, std::vector<Target> paths, std::vector<Gathered> parts) {
    bool forbidden = false, other = false;
    for (Gathered& part : parts) {
        access_.keep_readable(job.peer->id, part.entries);
        (part.why == Gathered::Why::forbidden ? forbidden : other) = true;
    }
    const auto entries = joined(std::move(parts));
    auto payload = forbidden && !other ? fail(Errc::unauthorized, "no right to read any of it")
                                       : codec::encode_composite(job.format, entries, lookup_);
    if (!payload) {
        if (job.observing) observer_.give_up(job.peer->id, job.request.observation);
        job.refuse(payload.error());
        return;
    }
    Response response{job.success, number(job.format)};
    if (job.observing) {
        const ObservationId id = job.request.observation;
        Observer::Asked asked{job.peer->id, id, Target{}, job.format, false, job.own, std::move(paths)};
        response.observing = observer_.start(std::move(asked), entries, *payload);
        if (response.observing) response.max_age = observer_.max_age(job.peer->id, id);
    }
    response.payload = std::move(*payload);
    job.answer(std::move(response));
}

Result<void> Dispatcher::write_composite(const JobPtr& job) {
    const Request& request = job->request;
    if (!request.content_format) return fail(Errc::bad_request, "values without Content-Format");
    const auto format = static_cast<ContentFormat>(*request.content_format);
    if (format != ContentFormat::senml_json && format != ContentFormat::senml_cbor &&
        format != ContentFormat::senml_etch_json && format != ContentFormat::senml_etch_cbor &&
        format != ContentFormat::lwm2m_cbor)
        return fail(Errc::unsupported_format, fmt::format("format {}", *request.content_format));
    auto decoded = codec::decode(format, Target{}, request.payload, lookup_);
    if (!decoded) return tl::unexpected(decoded.error());
    if (decoded->entries.size() + decoded->removed.size() > most_targets)
        return fail(Errc::bad_request, fmt::format("over {} values", most_targets));

    // All targets are looked at before any is touched (rule 14).
    const auto check = [&](const Target& target) -> Result<const ResourceDef*> {
        if (is_closed_target(target)) return fail(Errc::unauthorized, "closed to servers");
        if (target.path.level() < Level::resource) return fail(Errc::bad_request, "a value for a whole instance");
        if (auto there = need_node({target.prefix, target.path.ancestor(Level::instance)}); !there)
            return tl::unexpected(there.error());
        if (!access_.allows(job->peer->id, target, right::write)) return fail(Errc::unauthorized, "no right to write there");
        auto definition = need_resource(target);
        if (definition && !(*definition)->writable)
            return fail(Errc::not_allowed, fmt::format("{} is not writable", target.str()));
        return definition;
    };
    for (const Entry& entry : decoded->entries) {
        const auto definition = check(entry.target);
        if (!definition) return tl::unexpected(definition.error());
        if ((*definition)->multiple != (entry.target.path.level() == Level::resource_instance))
            return fail(Errc::bad_request, fmt::format("{} has the wrong form", entry.target.str()));
        if (auto checked = check_value(**definition, entry); !checked) return checked;
    }
    for (const Target& target : decoded->removed) {
        const auto definition = check(target);
        if (!definition) return tl::unexpected(definition.error());
        if (target.path.level() != Level::resource_instance)
            return fail(Errc::bad_request, "only a resource instance can be null");
        if (auto there = need_node(target); !there) return there;
    }

    auto removed = std::make_shared<std::vector<Target>>(std::move(decoded->removed));
    write_whole(tree_, Target{}, std::move(decoded->entries), WriteMode::partial,
                [this, job, removed](const Result<void>& written) {
                    if (!written || job->alive.expired())
                        job->finish(written);
                    else
                        remove_next(tree_, removed, [job](const Result<void>& done) { job->finish(done); });
                });
    return {};
}

}  // namespace lwm2m
