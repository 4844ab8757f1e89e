# What every folder uses: language, warnings, sanitizers, and one function for each kind of target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()

# -g1: functions and lines for back traces. Variables too would cost a quarter of the build's time. Sections: what nobody
# calls takes no memory.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG -ffunction-sections -fdata-sections")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG -ffunction-sections -fdata-sections")
add_link_options($<$<CONFIG:RelWithDebInfo>:LINKER:--gc-sections>)

option(GATEWAY_TESTS "Build the tests" ON)
option(GATEWAY_FUZZ "Build the fuzz targets (clang)" OFF)
set(GATEWAY_SANITIZE "" CACHE STRING "address,undefined or thread; empty for none")

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(gateway_options INTERFACE)
target_include_directories(gateway_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(gateway_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast -Wundef -Werror
  $<$<CXX_COMPILER_ID:GNU>:-Wno-missing-field-initializers>
  # g++ 12 sees uninitialized members in every std::variant and std::optional that it inlines; clang's analysis stays on.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
  $<$<CXX_COMPILER_ID:Clang>:-Wno-missing-field-initializers>)
if(GATEWAY_SANITIZE)
  target_compile_options(gateway_options INTERFACE
    -fsanitize=${GATEWAY_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  target_link_options(gateway_options INTERFACE -fsanitize=${GATEWAY_SANITIZE})
  if(GATEWAY_SANITIZE STREQUAL "thread")  # Asio's fences, which the sanitizer does not follow: g++ would refuse them
    target_compile_options(gateway_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
  endif()
endif()
if(GATEWAY_FUZZ)
  target_compile_options(gateway_options INTERFACE -fsanitize=fuzzer-no-link)
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")  # built in half the time; with assertions
endif()

# gateway_library(name SOURCES … LINK …): a static library of one folder.
function(gateway_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC gateway_options ${arg_LINK})
endfunction()

# gateway_plugin(name SOURCES … LINK …): build/…/adapters/name.so, and name_adapter to link it in (tests).
function(gateway_plugin name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  gateway_library(${name}_adapter SOURCES ${arg_SOURCES} LINK adapter_api ${arg_LINK})
  add_library(${name}_plugin MODULE plugin.cpp)
  target_link_libraries(${name}_plugin PRIVATE ${name}_adapter)
  set_target_properties(${name}_plugin PROPERTIES PREFIX "" OUTPUT_NAME ${name}
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/adapters CXX_VISIBILITY_PRESET hidden)
  install(TARGETS ${name}_plugin LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/lwm2m-gateway/adapters)
endfunction()

# gateway_test(name SOURCES … LINK …): GoogleTest, one ctest entry a case.
function(gateway_test name)
  if(NOT GATEWAY_TESTS)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE gateway_options ${arg_LINK} GTest::gtest_main)
  # What is tested is optimised as it ships; the test's own text need not be, and builds in half the time.
  target_compile_options(${name} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O0>)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  gtest_discover_tests(${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} DISCOVERY_MODE PRE_TEST
    PROPERTIES LABELS unit TIMEOUT 120)
endfunction()

# gateway_fuzzer(name SOURCES … LINK …): libFuzzer target; its corpus is tests/fuzz/corpus/name.
function(gateway_fuzzer name)
  if(NOT GATEWAY_FUZZ)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE gateway_options ${arg_LINK})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
endfunction()
