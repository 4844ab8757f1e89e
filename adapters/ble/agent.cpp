#include "adapters/ble/agent.hpp"

#include <algorithm>

namespace adapters::ble {

void Agent::start() {
    if (!needed_) return;
    if (!std::exchange(served_, true)) {
        Bus::Served agent;
        agent.path = path;
        agent.interface = "org.bluez.Agent1";
        agent.methods = {{"Release", "", ""},
                         {"RequestPinCode", "o", "s"},
                         {"DisplayPinCode", "os", ""},
                         {"RequestPasskey", "o", "u"},
                         {"DisplayPasskey", "ouq", ""},
                         {"RequestConfirmation", "ou", ""},
                         {"RequestAuthorization", "o", ""},
                         {"AuthorizeService", "os", ""},
                         {"Cancel", "", ""}};
        agent.handle = [this](std::string_view method, const std::vector<Value>& arguments) {
            return asked(method, arguments);
        };
        bus_.serve(std::move(agent), {});
    }
    bus_.call(bluez::root, bluez::agents, "RegisterAgent", {ObjectPath{path}, types_ ? "KeyboardDisplay" : "NoInputNoOutput"},
              call_limit, [this](Answered<std::vector<Value>> answer) {
                  if (answer || short_name(answer.error()) == "AlreadyExists" || answer.error().name == failures::disconnected)
                      return;
                  once_.warn("register", fmt::format("devices cannot be paired: {}",
                                                     error_of(answer.error(), "registering an agent").message));
              });
}

Answered<std::vector<Value>> Agent::asked(std::string_view method, const std::vector<Value>& arguments) {
    if (method == "Release" || method == "Cancel") return std::vector<Value>{};
    const auto* where = arguments.empty() ? nullptr : arguments[0].as<ObjectPath>();
    const auto rejected = tl::unexpected(Failure{"org.bluez.Error.Rejected", "not expected"});
    if (where == nullptr) return rejected;
    // ".../dev_C4_7C_8D_00_00_01": by the address, since the path changes with the radio.
    std::string tail = where->text.substr(where->text.rfind('/') + 1);
    std::replace(tail.begin(), tail.end(), '_', ':');
    const auto address = tail.starts_with("dev:") ? Address::parse(std::string_view(tail).substr(4)) : std::nullopt;
    const auto found = address ? current_.find(*address) : current_.end();
    if (found == current_.end()) {
        once_.warn(where->text, fmt::format("{} asks for '{}' and is not being paired by us: refused",
                                            base::printable(where->text), method));
        return rejected;
    }
    const PairSettings& settings = found->second;
    if (method == "RequestPasskey" && settings.passkey) return std::vector<Value>{Value(*settings.passkey)};
    if (method == "RequestPinCode" && settings.passkey)
        return std::vector<Value>{Value(fmt::format("{:06}", *settings.passkey))};
    if (method == "RequestConfirmation") {
        const auto* shown = arguments.size() == 2 ? arguments[1].as<std::int64_t>() : nullptr;
        const bool same = shown != nullptr && settings.passkey && *shown == static_cast<std::int64_t>(*settings.passkey);
        if (settings.mode == Pairing::just_works || (settings.mode == Pairing::compare && same)) return std::vector<Value>{};
        base::log().warn("{} shows a number to be compared, which nobody here can see; pair it with a passkey", address->str());
        return rejected;
    }
    if (method == "RequestAuthorization" || method == "AuthorizeService") return std::vector<Value>{};
    if (method == "DisplayPasskey" || method == "DisplayPinCode") {
        base::log().warn("{} wants a number typed in that the gateway chose; it has no keys of the kind we can serve",
                         address->str());
        return rejected;
    }
    return rejected;
}

}  // namespace adapters::ble
