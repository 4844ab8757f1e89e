# libcoap with Mbed TLS, and how we come by them. Gives two targets:
#   coap_mbedtls   libcoap, and the Mbed TLS libraries under it (mbedtls, mbedx509, mbedcrypto), static
#   coap_internals the headers that libcoap itself is built with, for lwm2m/coap/pump.c alone
#
# Debian 12 has neither: its libcoap has no Mbed TLS flavour and its Mbed TLS no Connection ID. So, in this order:
#   1. LIBCOAP_PREFIX          an installation made by this recipe on another machine (a cross build, a distribution)
#   2. the cache               $LWM2M_GATEWAY_CACHE, by default ~/.cache/lwm2m-gateway: built once, used by every build folder
#   3. a release tarball       in GATEWAY_TARBALLS (by default the cache's downloads/): put there by hand, or
#   4. the distribution        whose own mirror still has the tarball: apt is asked where that is
# Each tarball has its hash here; a wrong one is not used. Nothing here is compiled again unless this recipe changes.

set(LIBCOAP_PREFIX "" CACHE PATH "Installation of libcoap and Mbed TLS made by cmake/third_party.cmake elsewhere")
if(DEFINED ENV{LWM2M_GATEWAY_CACHE})
  set(third_party_cache "$ENV{LWM2M_GATEWAY_CACHE}")
elseif(DEFINED ENV{HOME})
  set(third_party_cache "$ENV{HOME}/.cache/lwm2m-gateway")
else()
  set(third_party_cache "${PROJECT_BINARY_DIR}/third_party")
endif()
set(GATEWAY_TARBALLS "${third_party_cache}/downloads" CACHE PATH "Where release tarballs of libcoap and Mbed TLS lie")

# Releases that will do, best first: version, name on a Debian mirror, SHA-256.
set(mbedtls_releases
  "3.6.6|pool/main/m/mbedtls/mbedtls_3.6.6.orig.tar.bz2|8fb65fae8dcae5840f793c0a334860a411f884cc537ea290ce1c52bb64ca007a"
  "3.6.7|pool/main/m/mbedtls/mbedtls_3.6.7.orig.tar.bz2|a7e8bcbec0e6f761b4af24f25677626b35f762f68eef79c08677a363212d11f6")
set(libcoap_releases
  "4.3.5|pool/main/libc/libcoap3/libcoap3_4.3.5.orig.tar.bz2|a332b682ceacef4c3130b2fb17851db02020c3f64b8a562c1ffd8d9b8a9320d4"
  # Debian 12's own, which will stay for longest. Serves, with the losses that are told below.
  "4.3.1|pool/main/libc/libcoap3/libcoap3_4.3.1.orig.tar.bz2|7c3601c3235d5d7aea4118c79f6ed3a186da7802bf944e3449128e5b312adfe3")

# Appended to Mbed TLS's own configuration before it is built: a configuration that only one side sees would change
# the layout of its structures. Which suites are offered can be said nowhere else (OMA Transport 1.2 5.2.9: CCM_8, no CBC).
set(mbedtls_options [[

/* lwm2m-gateway */
#define MBEDTLS_SSL_CIPHERSUITES \
    MBEDTLS_TLS_PSK_WITH_AES_128_CCM_8, MBEDTLS_TLS_PSK_WITH_AES_128_CCM, MBEDTLS_TLS_PSK_WITH_AES_128_GCM_SHA256, \
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8, MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_CCM, \
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
#undef MBEDTLS_SSL_RENEGOTIATION
#undef MBEDTLS_SSL_PROTO_TLS1_3
#undef MBEDTLS_SSL_EARLY_DATA
#undef MBEDTLS_SSL_CONTEXT_SERIALIZATION
#ifndef MBEDTLS_SSL_DTLS_CONNECTION_ID
#define MBEDTLS_SSL_DTLS_CONNECTION_ID
#endif
]])
set(mbedtls_cmake_options -DENABLE_TESTING=OFF -DENABLE_PROGRAMS=OFF -DUSE_SHARED_MBEDTLS_LIBRARY=OFF
  -DUSE_STATIC_MBEDTLS_LIBRARY=ON -DGEN_FILES=OFF -DMBEDTLS_FATAL_WARNINGS=OFF)
set(libcoap_cmake_options -DBUILD_SHARED_LIBS=OFF -DENABLE_DTLS=ON -DDTLS_BACKEND=mbedtls -DENABLE_CLIENT_MODE=ON
  -DENABLE_SERVER_MODE=ON -DENABLE_OSCORE=ON -DENABLE_TCP=ON -DENABLE_ASYNC=ON -DWITH_EPOLL=OFF
  -DENABLE_THREAD_SAFE=OFF -DENABLE_Q_BLOCK=OFF -DENABLE_WS=OFF -DENABLE_AF_UNIX=OFF -DENABLE_PROXY_CODE=OFF
  -DWITH_OBSERVE_PERSIST=OFF -DENABLE_TESTS=OFF -DENABLE_EXAMPLES=OFF -DENABLE_DOCS=OFF -DMAX_LOGGING_LEVEL=8)
set(third_party_flags "-O2 -g1 -fPIC -DNDEBUG -ffunction-sections -fdata-sections")

# third_party_run(what COMMAND…): one step of the build; its output is shown only when it fails.
function(third_party_run what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(failed)
    message(FATAL_ERROR "${what} failed:\n${output}")
  endif()
endfunction()

# third_party_tarball(out_file out_version name release…): the first release that lies there or can be had.
function(third_party_tarball out_file out_version name)
  foreach(release ${ARGN})
    string(REPLACE "|" ";" release "${release}")
    list(GET release 0 version)
    list(GET release 1 pool)
    list(GET release 2 sha256)
    cmake_path(GET pool FILENAME file)
    list(APPEND wanted "  ${file}  SHA-256 ${sha256}")
    if(EXISTS "${GATEWAY_TARBALLS}/${file}")
      file(SHA256 "${GATEWAY_TARBALLS}/${file}" found)
      if(found STREQUAL sha256)
        set(${out_file} "${GATEWAY_TARBALLS}/${file}" PARENT_SCOPE)
        set(${out_version} ${version} PARENT_SCOPE)
        return()
      endif()
      list(APPEND trouble "  ${GATEWAY_TARBALLS}/${file} has the wrong hash ${found}")
    endif()
  endforeach()
  find_program(APT_GET apt-get)
  find_program(APT_HELPER apt-helper PATHS /usr/lib/apt)
  mark_as_advanced(APT_GET APT_HELPER)
  if(APT_GET AND APT_HELPER)
    # pool/ is common to all suites of a mirror, so no other suite, source line or update is needed.
    execute_process(COMMAND ${APT_GET} indextargets --format "$(REPO_URI)" "Created-By: Packages" "Label: Debian"
      OUTPUT_VARIABLE mirrors ERROR_QUIET)
    string(REGEX MATCHALL "[^\n]+" mirrors "${mirrors}")
    list(REMOVE_DUPLICATES mirrors)
    if(NOT mirrors)
      list(APPEND trouble "  apt knows no mirror of Debian")
    endif()
    foreach(release ${ARGN})
      string(REPLACE "|" ";" release "${release}")
      list(GET release 0 version)
      list(GET release 1 pool)
      list(GET release 2 sha256)
      cmake_path(GET pool FILENAME file)
      foreach(mirror ${mirrors})
        message(STATUS "Fetching ${name} ${version} from the distribution's mirror")
        set(part "${GATEWAY_TARBALLS}/${file}.part")
        file(MAKE_DIRECTORY "${GATEWAY_TARBALLS}")
        execute_process(COMMAND ${APT_HELPER} download-file "${mirror}${pool}" "${part}" "SHA256:${sha256}"
          RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output TIMEOUT 300)
        if(NOT failed)
          file(RENAME "${part}" "${GATEWAY_TARBALLS}/${file}")
          set(${out_file} "${GATEWAY_TARBALLS}/${file}" PARENT_SCOPE)
          set(${out_version} ${version} PARENT_SCOPE)
          return()
        endif()
        file(REMOVE "${part}")
        string(REGEX MATCH "E: [^\n]*" reason "${output}")
        list(APPEND trouble "  ${file}: ${reason}")
      endforeach()
    endforeach()
  else()
    list(APPEND trouble "  this system has no apt to ask for a mirror")
  endif()
  list(JOIN wanted "\n" wanted)
  list(JOIN trouble "\n" trouble)
  message(FATAL_ERROR "${name} is needed and could not be had:\n${trouble}\n"
    "Place one of these release tarballs (Debian's .orig) into ${GATEWAY_TARBALLS}, or name another folder by -DGATEWAY_TARBALLS=…:\n"
    "${wanted}\nOr name an installation by -DLIBCOAP_PREFIX=….")
endfunction()

# third_party_build(prefix): both libraries, complete or not at all.
function(third_party_build prefix)
  third_party_tarball(mbedtls_tarball mbedtls_version "Mbed TLS" ${mbedtls_releases})
  third_party_tarball(libcoap_tarball libcoap_version "libcoap" ${libcoap_releases})
  message(STATUS "Building Mbed TLS ${mbedtls_version} and libcoap ${libcoap_version} once, about a minute: ${prefix}")

  set(work "${prefix}.part")  # beside it, so that the rename at the end stays on one file system
  file(REMOVE_RECURSE "${work}")  # of a build that was broken off; the caller holds the lock
  file(ARCHIVE_EXTRACT INPUT "${mbedtls_tarball}" DESTINATION "${work}/mbedtls")
  file(ARCHIVE_EXTRACT INPUT "${libcoap_tarball}" DESTINATION "${work}/libcoap")
  file(GLOB mbedtls_source "${work}/mbedtls/*")
  file(GLOB libcoap_source "${work}/libcoap/*")
  file(APPEND "${mbedtls_source}/include/mbedtls/mbedtls_config.h" "${mbedtls_options}")

  set(common -G ${CMAKE_GENERATOR} -DCMAKE_BUILD_TYPE=Release "-DCMAKE_C_FLAGS_RELEASE=${third_party_flags}"
    -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DCMAKE_INSTALL_LIBDIR=lib "-DCMAKE_INSTALL_PREFIX=${work}/install" -Wno-dev)
  foreach(variable CMAKE_C_COMPILER CMAKE_C_COMPILER_LAUNCHER CMAKE_TOOLCHAIN_FILE CMAKE_MAKE_PROGRAM CMAKE_SYSROOT)
    if(${variable})
      list(APPEND common "-D${variable}=${${variable}}")
    endif()
  endforeach()
  cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)

  third_party_run("Configuring Mbed TLS" ${CMAKE_COMMAND} -S "${mbedtls_source}" -B "${work}/mbedtls-build" ${common} ${mbedtls_cmake_options})
  third_party_run("Building Mbed TLS" ${CMAKE_COMMAND} --build "${work}/mbedtls-build" --parallel ${cores} --target install)
  # Its find module would take the system's Mbed TLS, so it is told.
  set(lib "${work}/install/lib")
  third_party_run("Configuring libcoap" ${CMAKE_COMMAND} -S "${libcoap_source}" -B "${work}/libcoap-build" ${common} ${libcoap_cmake_options}
    "-DMBEDTLS_INCLUDE_DIRS=${work}/install/include" "-DMBEDTLS_LIBRARY=${lib}/libmbedtls.a"
    "-DMBEDX509_LIBRARY=${lib}/libmbedx509.a" "-DMBEDCRYPTO_LIBRARY=${lib}/libmbedcrypto.a")
  third_party_run("Building libcoap" ${CMAKE_COMMAND} --build "${work}/libcoap-build" --parallel ${cores} --target install)

  file(GLOB headers "${libcoap_source}/include/coap3/*.h" "${work}/libcoap-build/include/coap3/*.h")
  file(COPY ${headers} DESTINATION "${work}/install/include/coap3-build/coap3")
  if(EXISTS "${libcoap_source}/include/oscore")
    file(COPY "${libcoap_source}/include/oscore" DESTINATION "${work}/install/include/coap3-build")
  endif()
  if(EXISTS "${libcoap_source}/include/oscore")
    file(COPY "${libcoap_source}/include/oscore" DESTINATION "${work}/install/include/coap3-build")
  endif()
  file(COPY "${work}/libcoap-build/coap_config.h" DESTINATION "${work}/install/include/coap3-build")
  file(COPY "${libcoap_source}/COPYING" "${libcoap_source}/LICENSE" DESTINATION "${work}/install/share/licenses/libcoap")
  file(COPY "${mbedtls_source}/LICENSE" DESTINATION "${work}/install/share/licenses/mbedtls")
  file(WRITE "${work}/install/versions" "libcoap ${libcoap_version}\nMbed TLS ${mbedtls_version}\n")
  file(RENAME "${work}/install" "${prefix}")
  file(REMOVE_RECURSE "${work}")
endfunction()

# third_party_libcoap(out): the prefix, built if it must be.
function(third_party_libcoap out)
  if(LIBCOAP_PREFIX)
    foreach(part versions lib/libmbedcrypto.a include/coap3-build/coap_config.h)
      if(NOT EXISTS "${LIBCOAP_PREFIX}/${part}")
        message(FATAL_ERROR "LIBCOAP_PREFIX: ${LIBCOAP_PREFIX} has no ${part}; name an installation made by cmake/third_party.cmake, or leave the option out")
      endif()
    endforeach()
    set(${out} "${LIBCOAP_PREFIX}" PARENT_SCOPE)
    return()
  endif()
  set(toolchain "")
  if(CMAKE_TOOLCHAIN_FILE)
    file(SHA256 "${CMAKE_TOOLCHAIN_FILE}" toolchain)
  endif()
  file(SHA256 "${CMAKE_CURRENT_FUNCTION_LIST_FILE}" recipe)
  # gcc and clang share it: this is C.
  string(SHA256 recipe "${recipe} ${toolchain} ${CMAKE_SYSTEM_NAME} ${CMAKE_SYSTEM_PROCESSOR} ${CMAKE_C_LIBRARY_ARCHITECTURE} ${CMAKE_SYSROOT}")
  string(SUBSTRING "${recipe}" 0 12 recipe)
  set(prefix "${third_party_cache}/libcoap-mbedtls-${recipe}")
  if(NOT EXISTS "${prefix}/versions")
    file(MAKE_DIRECTORY "${third_party_cache}")
    # Two build folders configured at once: the second waits and finds it done.
    file(LOCK "${third_party_cache}/lock" GUARD FUNCTION TIMEOUT 1200)
    if(NOT EXISTS "${prefix}/versions")
      third_party_build("${prefix}")
    endif()
  endif()
  set(${out} "${prefix}" PARENT_SCOPE)
endfunction()

third_party_libcoap(libcoap_prefix)
file(STRINGS "${libcoap_prefix}/versions" libcoap_versions)
if(libcoap_versions MATCHES "libcoap 4\\.3\\.1")
  message(WARNING "libcoap 4.3.1 instead of 4.3.5: no DTLS Connection ID (a new address means a new handshake), no OSCORE; "
    "a server that resets a notification which needs no confirmation, or ends its DTLS session, is noticed late")
endif()
find_library(LIBCOAP_LIBRARY NAMES coap-3 PATHS "${libcoap_prefix}/lib" NO_DEFAULT_PATH NO_CACHE REQUIRED)
foreach(library mbedcrypto mbedx509 mbedtls)
  add_library(${library} STATIC IMPORTED)
  set_target_properties(${library} PROPERTIES IMPORTED_LOCATION "${libcoap_prefix}/lib/lib${library}.a"
    INTERFACE_INCLUDE_DIRECTORIES "${libcoap_prefix}/include")
endforeach()
target_link_libraries(mbedx509 INTERFACE mbedcrypto)
target_link_libraries(mbedtls INTERFACE mbedx509)
add_library(coap_mbedtls STATIC IMPORTED)
set_target_properties(coap_mbedtls PROPERTIES IMPORTED_LOCATION "${LIBCOAP_LIBRARY}"
  INTERFACE_INCLUDE_DIRECTORIES "${libcoap_prefix}/include" INTERFACE_LINK_LIBRARIES mbedtls)
add_library(coap_internals INTERFACE)
target_include_directories(coap_internals SYSTEM INTERFACE "${libcoap_prefix}/include/coap3-build")
