# What is installed beside the programs and their pages, and a Debian package of
# it all: cpack --config build/release/CPackConfig.cmake.

# Where systemd looks for users' units, whatever the prefix, ~/.local too.
set(LK_UNIT_DIR ${CMAKE_INSTALL_DATADIR}/systemd/user CACHE STRING
	"Where the systemd user unit goes, below the prefix")
# The prefix is only known when something is installed.
install(CODE "
	set(LK_BINDIR \${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR})
	configure_file(\"${PROJECT_SOURCE_DIR}/dist/lkd.service.in\"
		\"${PROJECT_BINARY_DIR}/lkd.service\" @ONLY)")
install(FILES ${PROJECT_BINARY_DIR}/lkd.service DESTINATION ${LK_UNIT_DIR})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME lk)
set(CPACK_PACKAGE_CONTACT "the lk authors <lk@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY
	"documents on your own machines, in step with each other")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
	"lkd keeps Automerge documents on this machine, and sends changes, encrypted
and signed, to its user's other devices and to the people a document is
shared with. lk is its command line. There is no server in between.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Loaded when there is a bucket.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libcurl3-gnutls | libcurl4, ca-certificates")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_PREFIX /usr)
# So that the unit names the programs where they will be.
set(CPACK_SET_DESTDIR ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_DEBUG OFF)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/dist/debian.cmake)
set(CPACK_LK_SOURCE ${PROJECT_SOURCE_DIR})
set(CPACK_OUTPUT_FILE_PREFIX ${PROJECT_BINARY_DIR})
include(CPack)
