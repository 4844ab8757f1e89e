# From Debian 12, by their own package files.
include(GNUInstallDirs)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(tl-expected REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(pugixml REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Threads REQUIRED)
find_path(PAHO_INCLUDE_DIR mqtt/async_client.h REQUIRED)
find_library(PAHO_CPP_LIBRARY paho-mqttpp3 REQUIRED)
find_library(PAHO_C_LIBRARY paho-mqtt3as REQUIRED)
pkg_check_modules(MODBUS REQUIRED IMPORTED_TARGET libmodbus)
pkg_check_modules(SDBUS REQUIRED IMPORTED_TARGET sdbus-c++)
string(REGEX MATCH "^[0-9]+" SDBUS_MAJOR "${SDBUS_VERSION}")  # 1.2 has no macro that says so
if(GATEWAY_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()

add_library(boost_asio INTERFACE)
target_include_directories(boost_asio SYSTEM INTERFACE ${Boost_INCLUDE_DIRS})
target_compile_definitions(boost_asio INTERFACE BOOST_ASIO_NO_DEPRECATED)
target_link_libraries(boost_asio INTERFACE Threads::Threads)

# Not by its own package file: that asks for OpenSSL's headers, which nobody here includes.
add_library(paho_mqtt INTERFACE)
target_include_directories(paho_mqtt SYSTEM INTERFACE ${PAHO_INCLUDE_DIR})
target_link_libraries(paho_mqtt INTERFACE ${PAHO_CPP_LIBRARY} ${PAHO_C_LIBRARY})

include(third_party)  # libcoap and Mbed TLS
