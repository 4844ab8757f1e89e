#include "adapters/ble/uuid.hpp"
#include "adapters/ble/address.hpp"

#include <gtest/gtest.h>
#include <unordered_set>

namespace adapters::ble {

namespace {

TEST(Uuid, AShortNumberStandsForOneOfTheBluetoothBase) {
    const auto uuid = Uuid::parse("0x181A");
    ASSERT_TRUE(uuid);
    EXPECT_EQ(uuid->str(), "0000181a-0000-1000-8000-00805f9b34fb");
    EXPECT_EQ(uuid->text(), "0x181A");
    EXPECT_EQ(uuid->short_form(), 0x181A);
    EXPECT_EQ(uuid, Uuid::parse("181a"));
    EXPECT_EQ(uuid, Uuid::parse("0000181A"));
    EXPECT_EQ(uuid, Uuid::parse("0000181A-0000-1000-8000-00805F9B34FB"));
    EXPECT_EQ(uuid, Uuid::of(0x181A));
}

TEST(Uuid, OneOfItsOwnHasNoShortForm) {
    const auto uuid = Uuid::parse("5a1f0001-3c6e-4b21-9d5a-0c0ffee00001");
    ASSERT_TRUE(uuid);
    EXPECT_EQ(uuid->text(), "5a1f0001-3c6e-4b21-9d5a-0c0ffee00001");
    EXPECT_FALSE(uuid->number());
    EXPECT_FALSE(Uuid::of(0x1234'5678).short_form());
    EXPECT_EQ(Uuid::of(0x1234'5678).number(), 0x1234'5678U);
}

TEST(Uuid, WhatIsNoneIsRefused) {
    for (const auto* text : {"", "0x", "18", "0x181", "0x181A0", "181g", "0000181a-0000-1000-8000-00805f9b34f",
                             "0000181a-0000-1000-8000-00805f9b34fb0", "0000181a_0000-1000-8000-00805f9b34fb",
                             "0000181a-0000-1000-8000-00805f9b34fg", "0x181A "})
        EXPECT_FALSE(Uuid::parse(text)) << text;
}

TEST(Uuid, CanBeAKey) {
    std::unordered_set<Uuid> all;
    for (std::uint32_t i = 0; i < 1000; ++i) all.insert(Uuid::of(i));
    EXPECT_EQ(all.size(), 1000U);
    EXPECT_TRUE(all.contains(Uuid::of(0x181A % 1000)));
}

TEST(Address, IsWrittenAsPeopleDo) {
    const auto address = Address::parse("C4:7c:8d:00:00:01");
    ASSERT_TRUE(address);
    EXPECT_EQ(address->str(), "C4:7C:8D:00:00:01");
    EXPECT_EQ(address->number(), 0xC47C'8D00'0001U);
    EXPECT_EQ(address, Address::parse("C4-7C-8D-00-00-01"));
    for (const auto* text : {"", "C47C8D000001", "C4:7C:8D:00:00", "C4:7C:8D:00:00:0g", "C4:7C-8D:00:00:01",
                             "C4:7C:8D:00:00:01 ", "C 4:7C:8D:00:00:1"})
        EXPECT_FALSE(Address::parse(text)) << text;
}

}  // namespace

}  // namespace adapters::ble
