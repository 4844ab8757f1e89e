#include "adapters/ble/aes_ccm.hpp"

#include <mbedtls/ccm.h>

namespace adapters::ble {

namespace {

class Ccm {
public:
    explicit Ccm(const Key& key) {
        mbedtls_ccm_init(&context_);
        good_ = mbedtls_ccm_setkey(&context_, MBEDTLS_CIPHER_ID_AES, key.data(), 8 * static_cast<unsigned>(key.size())) == 0;
    }
    Ccm(const Ccm&) = delete;
    Ccm& operator=(const Ccm&) = delete;
    ~Ccm() { mbedtls_ccm_free(&context_); }
    explicit operator bool() const { return good_; }
    mbedtls_ccm_context* get() { return &context_; }

private:
    mbedtls_ccm_context context_;
    bool good_ = false;
};

}  // namespace

std::optional<base::Bytes> decrypt(const Key& key, base::ByteView nonce, base::ByteView associated, base::ByteView text,
                                   base::ByteView tag) {
    Ccm ccm(key);
    base::Bytes plain(text.size());
    if (!ccm || mbedtls_ccm_auth_decrypt(ccm.get(), text.size(), nonce.data(), nonce.size(), associated.data(),
                                         associated.size(), text.data(), plain.data(), tag.data(), tag.size()) != 0)
        return std::nullopt;
    return plain;
}

base::Bytes encrypt(const Key& key, base::ByteView nonce, base::ByteView associated, base::ByteView plain) {
    Ccm ccm(key);
    base::Bytes out(plain.size() + tag_size);
    if (!ccm ||
        mbedtls_ccm_encrypt_and_tag(ccm.get(), plain.size(), nonce.data(), nonce.size(), associated.data(), associated.size(),
                                    plain.data(), out.data(), out.data() + plain.size(), tag_size) != 0)
        return {};
    return out;
}

}  // namespace adapters::ble
