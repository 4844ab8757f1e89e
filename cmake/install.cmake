# What `cmake --install` lays out, and the Debian package (`cpack -G DEB` in the build folder).
#
#   bin/lwm2m-gateway                            (gateway/CMakeLists.txt)
#   lib/<triplet>/lwm2m-gateway/adapters/*.so     (gateway_plugin)
#   share/lwm2m-gateway/{profiles,schema,objects,gateway.yaml}
#   lib/systemd/system, lib/sysusers.d, lib/tmpfiles.d, share/dbus-1/system.d, share/man/man8, share/doc/lwm2m-gateway,
#   share/bash-completion/completions
set(share ${CMAKE_INSTALL_DATADIR}/lwm2m-gateway)

install(DIRECTORY mapping/profiles DESTINATION ${share} FILES_MATCHING PATTERN "*.yaml")
foreach(folder schema objects)
  if(IS_DIRECTORY ${PROJECT_SOURCE_DIR}/config/${folder})
    install(DIRECTORY config/${folder} DESTINATION ${share})
  endif()
endforeach()
install(FILES config/gateway.yaml DESTINATION ${share})
install(FILES docs/lwm2m-gateway.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES docs/completions/lwm2m-gateway DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES README.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES systemd/lwm2m-gateway.sysusers DESTINATION lib/sysusers.d RENAME lwm2m-gateway.conf)
install(FILES systemd/lwm2m-gateway.tmpfiles DESTINATION lib/tmpfiles.d RENAME lwm2m-gateway.conf)
install(FILES systemd/lwm2m-gateway.dbus.conf DESTINATION ${CMAKE_INSTALL_DATADIR}/dbus-1/system.d RENAME lwm2m-gateway.conf)

# The unit names the program by its whole path, which is known only when installing (`cmake --install … --prefix`).
install(CODE "
  file(READ \"${PROJECT_SOURCE_DIR}/systemd/lwm2m-gateway.service\" unit)
  string(REPLACE \"=/usr/bin/\" \"=\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/\" unit \"\${unit}\")
  file(WRITE \"${PROJECT_BINARY_DIR}/lwm2m-gateway.service\" \"\${unit}\")")
install(FILES ${PROJECT_BINARY_DIR}/lwm2m-gateway.service DESTINATION lib/systemd/system)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME lwm2m-gateway)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DESCRIPTION "One LwM2M 1.2 client with the Gateway object towards the server; adapters for the devices behind it.")
set(CPACK_PACKAGE_CONTACT "The lwm2m-gateway developers")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS systemd)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS bluez)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/systemd/postinst ${PROJECT_SOURCE_DIR}/systemd/prerm)
include(CPack)
