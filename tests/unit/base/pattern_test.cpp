#include "gateway/base/pattern.hpp"

#include <gtest/gtest.h>
#include <string>

namespace base {
namespace {

TEST(Patterns, AreTextWithStars) {
    EXPECT_TRUE(fits_pattern("Acme*", "Acme"));
    EXPECT_TRUE(fits_pattern("*EM?4*", "the EM24-X"));
    EXPECT_FALSE(fits_pattern("Acme", "acme"));
    EXPECT_FALSE(fits_pattern("Acme?", "Acme"));
    EXPECT_TRUE(fits_pattern("*", ""));
    EXPECT_TRUE(fits_pattern("", ""));
    EXPECT_FALSE(fits_pattern("", "a"));
    EXPECT_TRUE(fits_pattern("a**", "a"));
    EXPECT_FALSE(fits_pattern("*a*a*a*a*a*a*a*b", std::string(5000, 'a'))) << "and in no time";
}

}  // namespace
}  // namespace base
