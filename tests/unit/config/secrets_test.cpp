#include "config/secrets.hpp"

#include "tests/unit/config/site_folder.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <array>

namespace config {
namespace {

using base::Errc;

std::string key(const Secrets& secrets, std::string_view name) {
    const auto bytes = secrets.key(name);
    return bytes ? base::to_hex(*bytes) : bytes.error().message + "; " + secrets.remedy(name, bytes.error());
}

TEST(Secrets, a_name_is_found_in_its_reference) {
    EXPECT_EQ(secret_name("${secret:lwm2m-psk}"), "lwm2m-psk");
    EXPECT_EQ(secret_name("${secret:a.b_2}"), "a.b_2");
    for (const auto* other : {"", "swordfish", "${secret:}", "${secret:Psk}", "${secret:../etc/shadow}", "${secret:..}",
                              "${secret:.hidden}", "${secret:a b}", "${secret:a", "x${secret:a}", "${secret:a}}", "${param}"})
        EXPECT_EQ(secret_name(other), "") << other;
}

TEST(Secrets, the_content_of_the_file_is_the_value) {
    SiteFolder folder;
    folder.write("plain", "swordfish\n");
    folder.write("two-newlines", "a\n\n");
    folder.write("no-newline", "b");
    const Secrets secrets({folder.path()});
    EXPECT_EQ(secrets.text("plain"), "swordfish");
    EXPECT_EQ(secrets.text("two-newlines"), "a\n");
    EXPECT_EQ(secrets.text("no-newline"), "b");
    EXPECT_EQ(key(secrets, "plain"), "73776f726466697368");
}

TEST(Secrets, a_key_may_be_written_in_hex) {
    SiteFolder folder;
    folder.write("digits", "hex:00FF10a5\n");
    folder.write("blanks", "hex: 00 ff 10\n");
    folder.write("raw", std::string("\x00\xFF\x0A", 3));
    const Secrets secrets({folder.path()});
    EXPECT_EQ(key(secrets, "digits"), "00ff10a5");
    EXPECT_EQ(key(secrets, "blanks"), "00ff10");
    EXPECT_EQ(key(secrets, "raw"), "00ff");  // its last byte is a newline
}

TEST(Secrets, wrong_content_is_told_without_it) {
    SiteFolder folder;
    folder.write("odd", "hex:00f\n");
    folder.write("letters", "hex:swordfish\n");
    folder.write("windows", "hex:00ff\r\n");
    folder.write("nothing", "hex:\n");
    folder.write("empty", "");
    folder.write("newline", "\n");
    folder.write("large", std::string(secret_most_bytes + 1, 'x'));
    const Secrets secrets({folder.path()});
    const std::string hex_remedy = "; write the key's bytes, or `hex:` and two hex digits for each byte";
    for (const auto* name : {"odd", "letters", "windows"})
        EXPECT_EQ(key(secrets, name), folder.path(name) + ": what follows `hex:` is no pairs of hex digits" + hex_remedy);
    EXPECT_EQ(key(secrets, "nothing"), folder.path("nothing") + ": nothing follows `hex:`" + hex_remedy);
    EXPECT_EQ(key(secrets, "empty"), folder.path("empty") + ": it is empty" + hex_remedy);
    EXPECT_EQ(key(secrets, "newline"), folder.path("newline") + ": it is empty" + hex_remedy);
    EXPECT_EQ(key(secrets, "large"), folder.path("large") + ": it is over 65536 bytes; a secret has at most 65536 bytes");
    EXPECT_EQ(secrets.text("empty").error().code, Errc::bad_request);
}

TEST(Secrets, a_missing_one_is_told_with_the_places_looked_at) {
    EXPECT_EQ(key(Secrets({"/nowhere/a", "/nowhere/b"}), "psk"),
              "no secret 'psk' in /nowhere/a or /nowhere/b; put it into /nowhere/a/psk and `chmod 600` that");
    EXPECT_EQ(
        key(Secrets({}), "psk"),
        "there is no folder of secrets to find 'psk' in; start with --secrets and a folder that holds a file of this name");
    EXPECT_EQ(Secrets({}).text("psk").error().code, Errc::not_found);
    EXPECT_EQ(key(Secrets({}), "../psk"),
              "the name of a secret has only a-z, 0-9 and . _ - and begins with a letter or digit; rename it");
}

TEST(Secrets, one_missing_under_systemd_is_asked_for_where_the_unit_takes_it_from) {
    const Secrets secrets({"/run/credentials/lwm2m-gateway.service"});
    EXPECT_EQ(key(secrets, "psk"), "no secret 'psk' in /run/credentials/lwm2m-gateway.service; put it into "
                                   "/etc/lwm2m-gateway/secrets/psk, `chmod 600` that, and start the service again");
}

TEST(Secrets, a_file_that_others_may_use_is_refused) {
    SiteFolder folder;
    for (const unsigned mode : {0644U, 0640U, 0604U, 0620U, 0601U, 0660U}) {
        folder.write("psk", "swordfish\n", mode);
        const Secrets secrets({folder.path()});
        EXPECT_EQ(secrets.text("psk").error().code, Errc::unauthorized);
        EXPECT_EQ(key(secrets, "psk"), fmt::format("{}: others than its owner may use it (mode {:04o}); `chmod 600 {}`",
                                                   folder.path("psk"), mode, folder.path("psk")));
    }
    for (const unsigned mode : {0600U, 0400U}) {  // systemd's credentials are 0400
        folder.write("psk" + std::to_string(mode), "swordfish\n", mode);
        EXPECT_TRUE(Secrets({folder.path()}).text("psk" + std::to_string(mode)));
    }
}

TEST(Secrets, a_file_of_another_user_is_refused) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
    SiteFolder folder;
    folder.write("psk", "swordfish\n");
    ASSERT_EQ(::chown(folder.path("psk").c_str(), 12345, 0), 0);
    EXPECT_EQ(key(Secrets({folder.path()}), "psk"),
              fmt::format("{}: it belongs to user 12345, neither to root nor to us; `chown root {}`", folder.path("psk"),
                          folder.path("psk")));
}

// systemd gives a service its credentials by an access list: user rights for the service, and a mask that stat() shows
// as rights of the group.
TEST(Secrets, an_access_list_counts_for_what_it_says) {
    SiteFolder folder;
    folder.write("psk", "swordfish\n", 0400);
    const auto give = [&](std::uint16_t tag, std::uint32_t id) {
        struct Entry {
            std::uint16_t tag, rights;
            std::uint32_t id;
        };
        struct {
            std::uint32_t version = 2;
            std::array<Entry, 5> entries;
        } list;
        list.entries = {{{1, 4, 0xFFFFFFFF}, {tag, 4, id}, {4, 0, 0xFFFFFFFF}, {16, 4, 0xFFFFFFFF}, {32, 0, 0xFFFFFFFF}}};
        if (tag == 8) std::swap(list.entries[1], list.entries[2]);
        return ::setxattr(folder.path("psk").c_str(), "system.posix_acl_access", &list, sizeof list, 0) == 0;
    };
    if (!give(2, ::geteuid())) GTEST_SKIP() << "no access lists on this file system";
    struct stat status {};
    ::stat(folder.path("psk").c_str(), &status);
    ASSERT_EQ(status.st_mode & 0777U, 0440U);
    EXPECT_EQ(Secrets({folder.path()}).text("psk"), "swordfish");
    ASSERT_TRUE(give(2, ::geteuid() + 4711));  // another user
    EXPECT_EQ(Secrets({folder.path()}).text("psk").error().code, Errc::unauthorized);
    ASSERT_TRUE(give(8, 4711));  // a group
    EXPECT_EQ(Secrets({folder.path()}).text("psk").error().code, Errc::unauthorized);
}

TEST(Secrets, never_waits_for_what_is_no_file) {
    SiteFolder folder;
    folder.folder("psk");
    ASSERT_EQ(::mkfifo(folder.path("pipe").c_str(), 0600), 0);
    const Secrets secrets({folder.path()});
    EXPECT_EQ(secrets.text("psk").error().message, folder.path("psk") + ": it is not a regular file");
    EXPECT_EQ(secrets.text("pipe").error().message, folder.path("pipe") + ": it is not a regular file");
}

TEST(Secrets, the_first_folder_that_has_it_counts) {
    SiteFolder own, credentials;
    own.write("a", "own\n");
    credentials.write("a", "other\n");
    credentials.write("b", "only here\n");
    const Secrets secrets({own.path(), credentials.path()});
    EXPECT_EQ(secrets.text("a"), "own");
    EXPECT_EQ(secrets.text("b"), "only here");
}

TEST(Secrets, a_folder_that_systemd_loaded_as_secrets_has_its_prefix) {
    SiteFolder credentials;
    credentials.write("secrets_lwm2m-psk", "hex:0102\n", 0400);
    EXPECT_EQ(key(Secrets({credentials.path()}), "lwm2m-psk"), "0102");
}

}  // namespace
}  // namespace config
