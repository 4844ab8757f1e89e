#include "gateway/own_objects/server.hpp"

#include <algorithm>
#include <charconv>

namespace gateway::own_objects {

namespace {
enum : ResourceId {
    short_id = 0,
    lifetime = 1,
    default_pmin = 2,
    default_pmax = 3,
    disable = 4,
    disable_timeout = 5,
    storing = 6,
    binding = 7,
    update_trigger = 8,
    order = 13,
    initial_delay = 14,
    failure_blocks = 15,
    bootstrap_on_failure = 16,
    retry_count = 17,
    retry_timer = 18,
    sequence_delay = 19,
    sequence_count = 20,
    mute_send = 23,
    notification_mode = 26
};
constexpr std::int64_t most_lifetime = 30LL * 86400;
constexpr std::uint64_t most_unsigned = 0xFFFFFFFF;

/// Those that a server may write and a restart must not lose. 7 is none: there is only one binding.
constexpr ResourceId kept[] = {lifetime,    default_pmin, default_pmax,   disable_timeout, storing,   initial_delay,
                               retry_count, retry_timer,  sequence_delay, sequence_count,  mute_send, notification_mode};

/// As one word.
std::string word(const Value& value) {
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "1" : "0";
    if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
    if (const auto* number = std::get_if<std::uint64_t>(&value)) return std::to_string(*number);
    return "-";
}

std::string_view next_word(std::string_view& line) {
    const std::string_view first = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(line.size(), first.size() + 1));
    return first;
}

template <class Number>
std::optional<Number> as(std::string_view text) {
    Number number{};
    const char* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, number);
    return error == std::errc{} && end == last ? std::optional(number) : std::nullopt;
}
}  // namespace

Server::Server(const lwm2m::ClientConfig& config) {
    for (const auto& server : config.servers) {
        Account account;
        account.id = server.account.id;
        account.lifetime = server.lifetime.count();
        account.pmin = server.default_pmin.count();
        account.pmax = server.default_pmax.count();
        account.storing = server.storing;
        account.muted = server.send.paths.empty();
        account.confirmable = server.confirmable;
        account.blocks = server.failure_blocks;
        account.order = server.order;
        account.delay = static_cast<std::uint64_t>(server.initial_delay.count());
        account.retry = server.retry;
        accounts_.push_back(account);
    }
    configured_ = accounts_;
}

std::vector<InstanceId> Server::instances() const {
    std::vector<InstanceId> all;
    for (std::size_t i = 0; i < accounts_.size(); ++i) all.push_back(static_cast<InstanceId>(i));
    return all;
}

const std::vector<ResourceId>& Server::resources() const {
    static const std::vector<ResourceId> all{
        short_id,    lifetime,       default_pmin,   default_pmax,  disable,          disable_timeout,      storing,
        binding,     update_trigger, order,          initial_delay, failure_blocks,   bootstrap_on_failure, retry_count,
        retry_timer, sequence_delay, sequence_count, mute_send,     notification_mode};
    return all;
}

std::optional<std::uint32_t> lwm2m::Retry::*Server::retry_of(ResourceId resource) {
    switch (resource) {
        case retry_count: return &lwm2m::Retry::count;
        case retry_timer: return &lwm2m::Retry::timer;
        case sequence_delay: return &lwm2m::Retry::pause;
        case sequence_count: return &lwm2m::Retry::sequences;
        default: return nullptr;
    }
}

bool Server::shows(InstanceId instance, ResourceId resource) const {
    const Account& account = accounts_[instance];
    if (resource == order || resource == failure_blocks) return account.order.has_value();
    const auto member = retry_of(resource);
    return member == nullptr || (account.retry.*member).has_value();
}

Value Server::read(InstanceId instance, ResourceId resource) const { return value_of(accounts_[instance], resource); }

Value Server::value_of(const Account& account, ResourceId resource) {
    switch (resource) {
        case short_id: return std::int64_t{account.id};
        case lifetime: return account.lifetime;
        case default_pmin: return account.pmin;
        case default_pmax: return account.pmax;
        case disable_timeout: return account.disable_timeout;
        case storing: return account.storing;
        case binding: return std::string("U");
        case order: return account.order ? Value(std::uint64_t{*account.order}) : Value{};
        case initial_delay: return account.delay;
        case failure_blocks: return account.blocks;
        case bootstrap_on_failure: return false;  // there is no bootstrap server to go to
        case mute_send: return account.muted;
        case notification_mode: return std::int64_t{account.confirmable ? 1 : 0};
        default: break;
    }
    if (const auto member = retry_of(resource); member != nullptr && account.retry.*member)
        return std::uint64_t{*(account.retry.*member)};
    return {};
}

Result<void> Server::may_write(InstanceId, ResourceId resource, const Value& value) const {
    const auto* number = std::get_if<std::int64_t>(&value);
    switch (resource) {
        case lifetime:
            // A lifetime of some seconds would be nothing but Updates; 0 would never end.
            if (number == nullptr || *number < 15 || *number > most_lifetime)
                return fail(Errc::bad_request, "a lifetime is 15 s to 30 days");
            return {};
        case default_pmin:
        case default_pmax:
            if (number == nullptr || *number < 0 || *number > most_lifetime)
                return fail(Errc::bad_request, "a default period is 0 s to 30 days");
            return {};
        case disable_timeout:
            if (number == nullptr || *number < 0 || *number > most_lifetime)
                return fail(Errc::bad_request, "a server is disabled for 0 s to 30 days");
            return {};
        case storing:
        case mute_send: return {};
        case notification_mode:
            if (number == nullptr || (*number != 0 && *number != 1))
                return fail(Errc::bad_request, "the mode is 0, as each observation says, or 1, confirmable");
            return {};
        case binding:
            if (value != Value{std::string("U")}) return fail(Errc::bad_request, "the only binding is U");
            return {};
        case initial_delay:
        case retry_count:
        case retry_timer:
        case sequence_delay:
        case sequence_count: {
            const auto* its = std::get_if<std::uint64_t>(&value);
            if (its == nullptr || *its > most_unsigned) return fail(Errc::bad_request, "0 to 4294967295 is possible");
            return {};
        }
        default: return fail(Errc::not_allowed, "this resource is kept by the gateway");
    }
}

void Server::write(InstanceId instance, ResourceId resource, const Value& value) {
    Account& account = accounts_[instance];
    switch (resource) {
        case lifetime:
            account.lifetime = std::get<std::int64_t>(value);
            client->lifetime_changed(account.id, std::chrono::seconds(account.lifetime));
            break;
        case default_pmin:
        case default_pmax:
            (resource == default_pmin ? account.pmin : account.pmax) = std::get<std::int64_t>(value);
            client->set_default_periods(account.id, std::chrono::seconds(account.pmin), std::chrono::seconds(account.pmax));
            break;
        case disable_timeout: account.disable_timeout = std::get<std::int64_t>(value); break;
        case storing:
            account.storing = std::get<bool>(value);
            client->set_storing(account.id, account.storing);
            break;
        case initial_delay:
            account.delay = std::get<std::uint64_t>(value);
            client->set_initial_delay(account.id, std::chrono::seconds(account.delay));
            break;
        case mute_send:
            account.muted = std::get<bool>(value);
            client->set_mute_send(account.id, account.muted);
            break;
        case notification_mode:
            account.confirmable = std::get<std::int64_t>(value) != 0;
            client->set_default_confirmable(account.id, account.confirmable);
            break;
        default: break;
    }
    if (const auto member = retry_of(resource); member != nullptr) {
        account.retry.*member = static_cast<std::uint32_t>(std::get<std::uint64_t>(value));
        client->set_retry(account.id, account.retry);
    }
    changed();
}

// A server that replaces its account without one of these has the default of the standard again.
void Server::reset(InstanceId instance, ResourceId resource) {
    switch (resource) {
        case default_pmin:
        case default_pmax: write(instance, resource, std::int64_t{0}); break;
        case disable_timeout: write(instance, resource, std::int64_t{86400}); break;
        case initial_delay: write(instance, resource, std::uint64_t{0}); break;
        case mute_send: write(instance, resource, true); break;
        case notification_mode: write(instance, resource, std::int64_t{0}); break;
        default: break;
    }
    if (const auto member = retry_of(resource); member != nullptr) {
        (accounts_[instance].retry.*member).reset();
        client->set_retry(accounts_[instance].id, accounts_[instance].retry);
        changed();
    }
}

std::string Server::export_state() const {
    std::string text;
    for (std::size_t i = 0; i < accounts_.size(); ++i)
        for (const ResourceId resource : kept) {
            const Value now = value_of(accounts_[i], resource), said = value_of(configured_[i], resource);
            if (now != said) text += fmt::format("{} {} {} {}\n", accounts_[i].id, resource, word(now), word(said));
        }
    return text;
}

void Server::import_state(std::string_view text) {
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        const auto id = as<lwm2m::ServerId>(next_word(line));
        const auto resource = as<ResourceId>(next_word(line));
        const std::string_view written = next_word(line), said = next_word(line);
        const auto its = std::find_if(accounts_.begin(), accounts_.end(), [&](const Account& a) { return id && a.id == *id; });
        if (its == accounts_.end() || !resource || std::find(std::begin(kept), std::end(kept), *resource) == std::end(kept))
            continue;
        const auto instance = static_cast<InstanceId>(its - accounts_.begin());
        if (said != word(value_of(configured_[instance], *resource))) continue;
        Value value;
        if (*resource == storing || *resource == mute_send) {
            if (written == "0" || written == "1") value = written == "1";
        } else if (*resource == initial_delay || retry_of(*resource) != nullptr) {
            if (const auto number = as<std::uint64_t>(written)) value = *number;
        } else if (const auto number = as<std::int64_t>(written)) {
            value = *number;
        }
        if (written == "-" && retry_of(*resource) != nullptr)
            reset(instance, *resource);
        else if (value.index() != 0 && may_write(instance, *resource, value))
            write(instance, *resource, value);
    }
}

Result<void> Server::execute(InstanceId instance, ResourceId resource, const std::string& arguments) {
    const Account& account = accounts_[instance];
    switch (resource) {
        case disable: client->disable(account.id, std::chrono::seconds(account.disable_timeout)); return {};
        case update_trigger:
            // The argument may name the transport to go on with (OMA Core 1.2 6.2.1.2).
            if (!arguments.empty() && arguments != "0='U'") return fail(Errc::bad_request, "the only transport is U");
            client->update_now(account.id);
            return {};
        default: return fail(Errc::not_allowed, "nothing to execute");
    }
}

}  // namespace gateway::own_objects
