#include "lwm2m/dispatcher.hpp"

#include "gateway/base/log.hpp"
#include "lwm2m/dispatch_job.hpp"

#include <algorithm>

namespace lwm2m {

namespace {

using Level = Path::Level;

struct Rule {
    Operation operation;
    Level shallowest, deepest;  // which paths may be named
    Code success;
};

// clang-format off
constexpr Rule rules[] = {  // OMA Core 1.2 6.3, Transport 1.2 6.4.4; core digest 5
    {Operation::read,             Level::object,   Level::resource_instance, Code::content},
    {Operation::discover,         Level::object,   Level::resource,          Code::content},
    {Operation::write_replace,    Level::instance, Level::resource_instance, Code::changed},
    {Operation::write_partial,    Level::instance, Level::resource,          Code::changed},
    {Operation::write_attributes, Level::object,   Level::resource_instance, Code::changed},
    {Operation::execute,          Level::resource, Level::resource,          Code::changed},
    {Operation::create,           Level::object,   Level::object,            Code::created},
    {Operation::remove,           Level::instance, Level::resource_instance, Code::deleted},
    {Operation::read_composite,   Level::root,     Level::root,              Code::content},
    {Operation::write_composite,  Level::root,     Level::root,              Code::changed},
};
// clang-format on

constexpr const Rule* rule_of(Operation operation, Level level) {
    for (const Rule& rule : rules)
        if (rule.operation == operation) return level >= rule.shallowest && level <= rule.deepest ? &rule : nullptr;
    return nullptr;
}
static_assert(rule_of(Operation::execute, Level::instance) == nullptr);
static_assert(rule_of(Operation::discover, Level::resource_instance) == nullptr);
static_assert(rule_of(Operation::read, Level::root) == nullptr);

constexpr std::uint32_t retry_offline = 60, retry_busy = 5, retry_waiting = 1;  // Max-Age, seconds (gateway digest 11)

bool all_digits(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_hierarchical(ContentFormat format) {
    return format == ContentFormat::tlv || format == ContentFormat::senml_json || format == ContentFormat::senml_cbor ||
           format == ContentFormat::lwm2m_cbor;
}
bool is_single_value(ContentFormat format) {
    return format == ContentFormat::text || format == ContentFormat::opaque || format == ContentFormat::cbor;
}

}  // namespace

Result<Target> resolve(std::span<const std::string> segments) {
    if (!segments.empty() && segments.back().empty()) segments = segments.first(segments.size() - 1);
    Target target;
    if (segments.empty()) return target;
    const bool own = all_digits(segments.front());
    if (segments.front().empty()) return fail(Errc::not_allowed, "an empty segment");  // "//0" must not pass for a prefix
    if (!own) {
        target.prefix = segments.front();
        segments = segments.subspan(1);
    }
    bool possible = segments.size() <= 4;
    for (std::size_t i = 0; i < segments.size() && i < 4; ++i) {
        const std::string& text = segments[i];
        std::uint32_t id = 0;
        if (!all_digits(text) || text.size() > 5 || (text.size() > 1 && text.front() == '0')) {
            possible = false;
            break;
        }
        for (const char c : text) id = id * 10 + static_cast<std::uint32_t>(c - '0');
        if (own && i == 0 && is_closed(id)) return fail(Errc::unauthorized, "closed to servers");
        auto longer = target.path.child(id);
        if (!longer) {
            possible = false;
            break;
        }
        target.path = *longer;
    }
    if (!possible) return fail(Errc::not_allowed, "not a path: at most four ids from 0 to 65534");
    return target;
}

Result<Operation> classify(const Request& request, const Target& target) {
    const auto format = request.content_format;
    switch (request.method) {
        case Method::get:
            return request.observe == Observe::none && request.accept == number(ContentFormat::link) ? Operation::discover
                                                                                                     : Operation::read;
        case Method::put:
            if (format) {
                if (!request.query.empty()) return fail(Errc::bad_request, "attributes and a value in one request");
                return Operation::write_replace;
            }
            if (request.query.empty() || !request.payload.empty())
                return fail(Errc::bad_request, "a value without Content-Format");
            return Operation::write_attributes;
        case Method::post:
            if (target.path.level() == Level::object) return Operation::create;
            if (target.path.level() == Level::resource) {
                if (!format || *format == number(ContentFormat::text)) return Operation::execute;
                if (!is_hierarchical(static_cast<ContentFormat>(*format)))
                    return fail(Errc::unsupported_format, "neither Execute nor a partial write");
            }
            if (target.path.level() == Level::instance && !format)
                return fail(Errc::bad_request, "a value without Content-Format");
            return Operation::write_partial;
        case Method::remove: return Operation::remove;
        case Method::fetch:
        case Method::ipatch:
            if (!target.prefix.empty() || target.path.level() != Level::root)
                return fail(Errc::not_allowed, "composite operations name their targets in the payload");
            return request.method == Method::fetch ? Operation::read_composite : Operation::write_composite;
        case Method::patch: break;
    }
    return fail(Errc::not_supported, "no such method in LwM2M");
}

Result<void> check_arguments(std::string_view text) {
    if (text.size() > 4096) return fail(Errc::bad_request, "arguments are at most 4096 characters");
    if (text.empty()) return {};
    std::uint32_t seen = 0;
    const auto bad = [] { return fail(Errc::bad_request, "arguments read 0='text',1,2='text', each digit once"); };
    for (std::size_t i = 0;;) {
        if (i >= text.size() || text[i] < '0' || text[i] > '9') return bad();
        const std::uint32_t bit = 1U << (text[i] - '0');
        if ((seen & bit) != 0) return bad();
        seen |= bit;
        ++i;
        if (i < text.size() && text[i] == '=') {
            if (i + 1 >= text.size() || text[i + 1] != '\'') return bad();
            const std::size_t end = text.find('\'', i + 2);
            if (end == std::string_view::npos) return bad();
            for (const char c : text.substr(i + 2, end - i - 2))
                if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F) return bad();
            i = end + 1;
        }
        if (i == text.size()) return {};
        if (text[i] != ',') return bad();
        ++i;
    }
}

bool in_range(const ResourceDef& definition, const Value& value) {
    if (!definition.least && !definition.most) return true;
    double measure = 0;
    if (const auto* text = std::get_if<std::string>(&value))
        measure = static_cast<double>(text->size());
    else if (const auto* bytes = std::get_if<Bytes>(&value))
        measure = static_cast<double>(bytes->size());
    else if (const auto number = numeric(value); number && !std::holds_alternative<bool>(value))
        measure = *number;
    else
        return true;
    return !(definition.least && measure < *definition.least) && !(definition.most && measure > *definition.most);
}

Dispatcher::Dispatcher(ObjectTree& tree, AttributeStore& attributes, Observer& observer, AccessControl& access,
                       const codec::Lookup& lookup)
    : tree_(tree), attributes_(attributes), observer_(observer), access_(access), lookup_(lookup) {}

void Dispatcher::Job::answer(Response response) {
    if (reply) std::move(reply)(std::move(response));
}

void Dispatcher::Job::refuse(const Error& error) {
    Response response{code_of(error.code)};
    if (response.code == Code::service_unavailable) response.max_age = error.code == Errc::busy ? retry_busy : retry_offline;
    if (response.code == Code::bad_request) {  // RFC 7252 5.5.2: the limit that was passed, for the one who typed it
        const auto why = base::printable(error.message);
        response.payload.assign(why.begin(), why.end());
    }
    if (auto& log = base::log(); log.should_log(spdlog::level::debug))
        log.debug("{} of {}: {}", str(response.code), base::printable(target.str()), base::printable(error.message));
    answer(std::move(response));
}

void Dispatcher::dispatch(Peer& peer, Request request, Reply reply) {
    auto job = std::make_shared<Job>(peer, alive_, std::move(request), std::move(reply));
    if (peer.waiting > most_waiting) {
        job->answer({Code::service_unavailable, {}, {}, {}, retry_waiting});
        return;
    }
    if (const auto performed = perform(job); !performed) job->refuse(performed.error());
}

Result<void> Dispatcher::perform(const JobPtr& job) {
    const Request& request = job->request;
    // An unknown prefix is "not found" before anything else is said about the path (Gateway 1.1 8.3.1).
    const auto known_prefix = [&](Error error) -> tl::unexpected<Error> {
        const auto& path = request.path;
        if (!path.empty() && !path.front().empty() && !all_digits(path.front()) && !tree_.has(path.front()))
            return fail(Errc::not_found, "no such prefix");
        return tl::unexpected(std::move(error));
    };
    auto target = resolve(request.path);
    if (!target) return known_prefix(target.error());
    job->target = std::move(*target);
    const auto operation = classify(request, job->target);
    if (!operation) return known_prefix(operation.error());
    const Rule* rule = rule_of(*operation, job->target.path.level());
    if (rule == nullptr) return known_prefix({Errc::not_allowed, fmt::format("no {} here", name(*operation))});
    job->success = rule->success;

    switch (*operation) {
        case Operation::read: return read(job);
        case Operation::discover: return discover(job);
        case Operation::write_replace: return write(job, WriteMode::replace);
        case Operation::write_partial: return write(job, WriteMode::partial);
        case Operation::write_attributes: return write_attributes(job);
        case Operation::execute: return execute(job);
        case Operation::create: return create(job);
        case Operation::remove: return remove(job);
        case Operation::read_composite: return read_composite(job);
        case Operation::write_composite: return write_composite(job);
    }
    return fail(Errc::not_supported, "no such operation");
}

Result<const ResourceDef*> Dispatcher::need_resource(const Target& target) const {
    const ResourceDef* definition = tree_.definition(target);
    if (definition == nullptr) return fail(Errc::not_found, "no such resource");
    if (target.path.level() == Level::resource_instance && !definition->multiple)
        return fail(Errc::not_allowed, "a single resource has no instances");
    return definition;
}

Result<void> Dispatcher::need_node(const Target& target) const {
    const bool there = target.path.level() == Level::object ? tree_.object(target.prefix, target.path.object()) != nullptr
                                                            : tree_.exists(target);
    if (!there) return fail(Errc::not_found, "no such node");
    return {};
}

// OMA Core 1.2 8.2. Asked when it is known that the node exists, so that what is not there is "not found" to everybody.
Result<void> Dispatcher::need_right(const Job& job, std::uint8_t what) const {
    const Target& target = job.target;
    const bool whole = target.path.level() == Level::object && what == right::read;
    if (whole ? access_.allows_some(job.peer->id, target, tree_, what) : access_.allows(job.peer->id, target, what)) return {};
    return fail(Errc::unauthorized, "no right to do that here");
}

Result<ContentFormat> Dispatcher::answer_format(const Target& target, const ResourceDef* definition,
                                                std::optional<std::uint16_t> accept) const {
    const bool single = is_single(target, definition);
    const bool opaque = single && definition->type == Type::opaque;
    if (!accept) return !single ? ContentFormat::senml_cbor : opaque ? ContentFormat::opaque : ContentFormat::text;
    const auto format = static_cast<ContentFormat>(*accept);
    if (!is_hierarchical(format) && !(single && is_single_value(format) && (format != ContentFormat::opaque || opaque)))
        return fail(Errc::not_acceptable, fmt::format("not in format {}", *accept));
    return format;
}

Result<void> Dispatcher::read(const JobPtr& job) {
    const Target& target = job->target;
    Request& request = job->request;
    if (target.path.level() >= Level::resource) {
        const auto definition = need_resource(target);
        if (!definition) return tl::unexpected(definition.error());
        job->definition = *definition;
    }
    if (auto there = need_node(target); !there) return there;
    if (auto may = need_right(*job, right::read); !may) return may;
    if (job->definition != nullptr && !job->definition->readable) return fail(Errc::not_allowed, "not readable");
    const auto format = answer_format(target, job->definition, request.accept);
    if (!format) return tl::unexpected(format.error());
    job->format = *format;

    if (request.observe == Observe::start) {
        if (!request.query.empty()) {
            for (const std::string& option : request.query)
                if (option.find('=') == std::string::npos) return fail(Errc::bad_request, "an attribute without value");
            auto change = parse_attributes(request.query, job->peer->minor);
            if (!change) return tl::unexpected(change.error());
            if (auto checked = check_attributes(change->set, job->definition); !checked) return checked;
            job->own = change->set;
        }
        job->observing = request.observation != 0 && observer_.expect(job->peer->id, request.observation);
    } else if (request.observe == Observe::cancel) {
        if (request.observation != 0)
            observer_.cancel(job->peer->id, request.observation);
        else
            observer_.cancel_below(job->peer->id, target);
    }
    tree_.read(target, [this, job](Result<std::vector<Entry>> entries) {
        if (!job->alive.expired()) answer_read(*job, std::move(entries));
    });
    return {};
}

void Dispatcher::answer_read(Job& job, Result<std::vector<Entry>> entries) {
    const bool single = is_single(job.target, job.definition);
    if (entries && single && entries->empty()) entries = fail(Errc::not_found, "no value");
    Result<Bytes> payload = fail(Errc::internal, {});
    std::vector<Entry> kept;  // the observer wants the values too
    if (entries) {
        if (job.target.path.level() == Level::object) access_.keep_readable(job.peer->id, *entries);
        if (job.observing) kept = *entries;
        payload = codec::encode(job.format, {job.target, std::move(*entries), job.definition != nullptr && !single}, lookup_);
    }
    if (!entries || !payload) {
        if (job.observing) observer_.give_up(job.peer->id, job.request.observation);
        job.refuse(entries ? payload.error() : entries.error());
        return;
    }
    Response response{job.success, number(job.format)};
    if (job.observing) {
        const ObservationId id = job.request.observation;
        response.observing = observer_.start({job.peer->id, id, job.target, job.format, single, job.own}, kept, *payload);
        if (response.observing) response.max_age = observer_.max_age(job.peer->id, id);
    }
    response.payload = std::move(*payload);
    job.answer(std::move(response));
}

Result<void> Dispatcher::write_attributes(const JobPtr& job) {
    const ResourceDef* definition = nullptr;
    if (job->target.path.level() >= Level::resource) {
        const auto found = need_resource(job->target);
        if (!found) return tl::unexpected(found.error());
        definition = *found;
    }
    if (auto there = need_node(job->target); !there) return there;
    if (job->target.path.level() != Level::object)
        if (auto may = need_right(*job, right::read); !may) return may;
    const auto change = parse_attributes(job->request.query, job->peer->minor);
    if (!change) return tl::unexpected(change.error());
    if (auto applied = attributes_.apply(job->peer->id, job->target, *change, definition); !applied) return applied;
    job->answer({job->success});
    observer_.attributes_changed(job->peer->id, job->target);
    if (on_attributes) on_attributes();
    return {};
}

Result<void> Dispatcher::execute(const JobPtr& job) {
    const auto definition = need_resource(job->target);
    if (!definition) return tl::unexpected(definition.error());
    if (auto there = need_node(job->target); !there) return there;
    if (!(*definition)->executable) return fail(Errc::not_allowed, "not executable");
    if (auto may = need_right(*job, right::execute); !may) return may;
    std::string arguments(base::as_text(job->request.payload));
    // The specification shows them as Uri-Query in one place; both forms are understood (core digest 3.2).
    if (arguments.empty()) arguments = fmt::format("{}", fmt::join(job->request.query, ","));
    if (auto checked = check_arguments(arguments); !checked) return checked;
    tree_.execute(job->target, std::move(arguments), [job](Result<void> done) { job->finish(done); });
    return {};
}

Result<void> Dispatcher::remove(const JobPtr& job) {
    const Level level = job->target.path.level();
    if (level == Level::resource) return fail(Errc::not_allowed, "a resource cannot be deleted");
    if (level == Level::resource_instance) {
        const auto definition = need_resource(job->target);
        if (!definition) return tl::unexpected(definition.error());
        if (!(*definition)->writable) return fail(Errc::not_allowed, "not writable");
    }
    if (auto there = need_node(job->target); !there) return there;
    if (auto may = need_right(*job, right::remove); !may) return may;
    tree_.remove(job->target, [this, job](Result<void> done) {
        job->finish(done);
        if (!done || job->alive.expired()) return;
        attributes_.erase_below(job->target);
        observer_.removed(job->target);
        if (on_attributes) on_attributes();
        if (job->target.path.level() == Level::instance && job->target.prefix.empty() && on_instances)
            on_instances(job->target.path);
    });
    return {};
}

}  // namespace lwm2m
