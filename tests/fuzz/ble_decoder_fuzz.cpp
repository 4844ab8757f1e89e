// Advertisements as anybody in radio range could send them, for the decoders that BLE_DECODERS names: nothing may be read
// past the end, and what is taken must be a field that there is. For formats with a key each input is tried twice: as it
// comes, and as the content of a message that the right key has sealed.
#include "adapters/ble/aes_ccm.hpp"
#include "adapters/ble/decoder.hpp"

#include <algorithm>
#include <cstdlib>

using namespace adapters::ble;

namespace {

const Address device = *Address::parse("54:48:E6:8F:80:A5");
const Key key{0x23, 0x1d, 0x39, 0xc1};

std::vector<const Decoder*> wanted() {
    std::vector<const Decoder*> found;
    for (std::size_t i = 0; i < decoder_names().size(); ++i)
        if (std::string_view(" " BLE_DECODERS " ").find(" " + std::string(decoder_names()[i]) + " ") != std::string_view::npos)
            found.push_back(&decoder(i));
    return found;
}

void check(const Decoder& its, const Advertisement& advertisement, const Security& security, Memory& memory) {
    const auto report = its.decode(advertisement, security, memory);
    if (report.outcome != Outcome::values && !report.values.empty()) std::abort();
    if (report.why.size() > 200 || name(report.outcome).empty()) std::abort();
    for (const auto& value : report.values) {
        if (value.field.field >= its.fields().size() || value.field.instance >= its.field(value.field).most) std::abort();
        if (const auto* text = std::get_if<std::string>(&value.value); text != nullptr && !base::is_utf8(*text)) std::abort();
    }
}

Advertisement with(const Decoder& its, base::Bytes data) {
    Advertisement advertisement;
    advertisement.address = device;
    advertisement.at = base::Instant{} + std::chrono::hours(1);
    if (const auto company = its.company())
        advertisement.manufacturer.emplace_back(*company, std::move(data));
    else
        advertisement.service_data.emplace_back(*its.service(), std::move(data));
    return advertisement;
}

/// The bytes behind the head of a message of that format, sealed.
base::Bytes sealed(const Decoder& its, base::ByteView content) {
    if (its.name() == "bthome") {
        const base::Bytes nonce{0x54, 0x48, 0xE6, 0x8F, 0x80, 0xA5, 0xD2, 0xFC, 0x41, 1, 2, 3, 4};
        const auto text = encrypt(key, nonce, {}, content);
        base::Bytes data{0x41};
        data.insert(data.end(), text.begin(), text.end() - tag_size);
        data.insert(data.end(), nonce.end() - 4, nonce.end());
        data.insert(data.end(), text.end() - tag_size, text.end());
        return data;
    }
    base::Bytes data{0x48, 0x50, 0x42, 0x25, 7};  // objects, encrypted, version 5, a thermometer
    const base::Bytes nonce{0xA5, 0x80, 0x8F, 0xE6, 0x48, 0x54, 0x42, 0x25, 7, 1, 2, 3};
    constexpr std::uint8_t associated[] = {0x11};
    const auto text = encrypt(key, nonce, associated, content);
    data.insert(data.end(), text.begin(), text.end() - tag_size);
    data.insert(data.end(), nonce.end() - 3, nonce.end());
    data.insert(data.end(), text.end() - tag_size, text.end());
    return data;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto decoders = wanted();
    if (decoders.empty()) std::abort();
    const base::ByteView input(data, size);
    for (const auto* its : decoders) {
        Memory memory;
        const auto plain = with(*its, base::Bytes(input.begin(), input.end()));
        check(*its, plain, {}, memory);
        check(*its, plain, {}, memory);
        if (!its->encrypts() || size > 1'000) continue;
        Security security;
        security.key = key;
        Memory fresh;
        check(*its, plain, security, fresh);
        const auto message = with(*its, sealed(*its, input));
        Memory last;
        const auto outcome = its->decode(message, security, last).outcome;
        if (outcome != Outcome::values && outcome != Outcome::malformed) std::abort();
        check(*its, message, security, last);
    }
    return 0;
}
