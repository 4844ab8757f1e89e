#include "adapters/ble/aes_ccm.hpp"

#include <gtest/gtest.h>
#include <algorithm>

namespace adapters::ble {

namespace {

base::Bytes hex(std::string_view text) { return base::from_hex(text).value(); }
Key key_of(std::string_view text) {
    Key key;
    const auto bytes = hex(text);
    std::copy_n(bytes.begin(), key.size(), key.begin());
    return key;
}

// NIST SP 800-38C, appendix C, example 1.
TEST(AesCcm, IsThatOfNist) {
    const auto key = key_of("404142434445464748494a4b4c4d4e4f");
    const auto plain = decrypt(key, hex("10111213141516"), hex("0001020304050607"), hex("7162015b"), hex("4dac255d"));
    ASSERT_TRUE(plain);
    EXPECT_EQ(*plain, hex("20212223"));
    EXPECT_EQ(encrypt(key, hex("10111213141516"), hex("0001020304050607"), *plain), hex("7162015b4dac255d"));
}

TEST(AesCcm, ChangedAnywhereNothingComesOut) {
    const auto key = key_of("404142434445464748494a4b4c4d4e4f");
    const auto nonce = hex("10111213141516"), associated = hex("0001020304050607"), text = hex("7162015b"),
               tag = hex("4dac255d");
    const auto turned = [](base::Bytes bytes) {
        bytes.front() ^= 1;
        return bytes;
    };
    auto other = key;
    other[15] ^= 1;
    EXPECT_FALSE(decrypt(other, nonce, associated, text, tag));
    EXPECT_FALSE(decrypt(key, turned(nonce), associated, text, tag));
    EXPECT_FALSE(decrypt(key, nonce, turned(associated), text, tag));
    EXPECT_FALSE(decrypt(key, nonce, associated, turned(text), tag));
    EXPECT_FALSE(decrypt(key, nonce, associated, text, turned(tag)));
}

TEST(AesCcm, AnEmptyTextHasATagToo) {
    const Key key{};
    const auto nonce = hex("000102030405060708090a0b0c");
    const auto sealed = encrypt(key, nonce, {}, {});
    ASSERT_EQ(sealed.size(), tag_size);
    EXPECT_EQ(decrypt(key, nonce, {}, {}, sealed), base::Bytes());
}

}  // namespace

}  // namespace adapters::ble
