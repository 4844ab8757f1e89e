#pragma once

#include "adapters/ble/decoder.hpp"

/// The decoders behind decoder_names(), one file each.
namespace adapters::ble {

const Decoder& ruuvi_3();
const Decoder& ruuvi_5();
const Decoder& bthome();
const Decoder& mibeacon();
const Decoder& eddystone();
const Decoder& ibeacon();

inline Report malformed(std::string why) { return {Outcome::malformed, {}, std::move(why)}; }

/// May an encrypted message of that counter be taken, as far as the counter goes? values: yes, if it is authentic; repeat or
/// replayed: no.
Outcome judge_counter(const Memory&, std::uint32_t counter, Replay, base::Instant now);
/// After it was found authentic.
void note_authentic(Memory&, std::uint32_t counter, base::Instant now);

}  // namespace adapters::ble
