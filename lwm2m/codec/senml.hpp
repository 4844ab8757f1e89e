#pragma once

#include "lwm2m/codec/collector.hpp"

#include <functional>

/// What SenML in JSON and in CBOR have in common (RFC 8428, RFC 8790, OMA Core 1.2 7.5.6 and 7.5.7).
namespace lwm2m::codec {

// ---- reading: a parser fills one record after the other, the pack gives it its name, time and place

/// The fields that matter. `harmless`: a pack of names may have it too. `ignored`: an unknown one. `must_understand`:
/// an unknown one whose label ends with "_" (RFC 8428 4.4).
enum class SenmlField : std::uint8_t { bn, bt, n, t, v, vs, vb, vd, vlo, bver, bv, bs, harmless, ignored, must_understand };
SenmlField senml_field(std::string_view label);
SenmlField senml_field(std::int64_t label);  ///< CBOR's numbers, RFC 8428 6

struct SenmlRecord {
    std::optional<std::string> base_name, name;
    std::optional<double> base_time, time;  ///< seconds
    std::optional<Value> value;             ///< monostate: null
    std::string number;                     ///< the value as JSON writes it, where it has a point or an exponent
    bool only_names = true;                 ///< nothing in it that a pack of names may not have (RFC 8790 3.1)

    /// `found` as typed on the wire; monostate is null, `vd` is decoded. Errc::bad_request: a wrong kind, twice the
    /// same field, two values, a version above 10, a base value other than 0.
    Result<void> set(SenmlField field, Value found);

private:
    std::uint32_t seen_ = 0;
};

using SenmlSink = std::function<Result<void>(SenmlRecord&&)>;
/// Give all records of a pack to the sink, until it fails. Errc::bad_request: not a pack.
Result<void> parse_senml_json(ByteView payload, const SenmlSink& sink);
Result<void> parse_senml_cbor(ByteView payload, const SenmlSink& sink);
using SenmlParser = Result<void> (*)(ByteView, const SenmlSink&);

/// `etch`: null removes (RFC 8790 3.2).
/// Times: base time plus time, as said; below 2^28 seconds they would be relative to now (RFC 8428 4.5.3), and since
/// nobody in here has a clock they are handed on as they stand. Without either there is no time.
Result<void> decode_senml(SenmlParser parse, ByteView payload, bool etch, Collector& collector);
Result<std::vector<Target>> decode_senml_targets(SenmlParser parse, ByteView payload);

// ---- writing

/// Where the times of a pack go: one base time when all have one (and differences where they differ), else each record
/// its own. Times before 2^28 seconds would be read as relative to now: a clock that was never set is not told.
struct SenmlTimes {
    SenmlTimes(const std::vector<const Entry*>& entries, bool with_time);
    /// Milliseconds for the record's `t`, if it has one.
    std::optional<std::int64_t> of(const Entry& entry) const;

    std::optional<std::int64_t> base;  ///< milliseconds, for the first record's `bt`
private:
    bool each_ = false;
};

/// The base name and what is left of an entry's name: "/d01/3303/0/" and "5700"; for a resource itself the full path
/// and nothing (core digest 2.2).
class SenmlNames {
public:
    explicit SenmlNames(const Content& content);
    /// Whether it has a value and a place at or below the base.
    bool has(const Entry& entry) const;
    const std::string& base() const { return base_; }
    /// The name in two parts that follow each other; both empty: the base is the name.
    struct Name {
        std::string_view prefix;  ///< "d01/" in a pack of several trees
        std::array<char, 24> text{};
        std::size_t size = 0;
        std::string_view path() const { return {text.data(), size}; }
        bool empty() const { return prefix.empty() && size == 0; }
    };
    Name of(const Entry& entry) const;

private:
    const Content* content_;
    std::string base_;
    bool several_trees_ = false;
};

}  // namespace lwm2m::codec
