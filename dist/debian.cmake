# What Debian wants of a package beyond what is installed: compressed pages, a
# copyright file, a changelog.  Run by CPack on what it has staged.
set(doc ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share/doc/lk)
file(MAKE_DIRECTORY ${doc})
configure_file(${CPACK_LK_SOURCE}/LICENSE ${doc}/copyright COPYONLY)
file(TIMESTAMP ${CPACK_LK_SOURCE}/LICENSE day "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE ${doc}/changelog "lk (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium

  * Made from the sources by CPack.

 -- ${CPACK_PACKAGE_CONTACT}  ${day}
")
file(GLOB pages ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share/man/man*/*.[1-8])
execute_process(COMMAND gzip -9nf ${pages} ${doc}/changelog
	COMMAND_ERROR_IS_FATAL ANY)
file(CHMOD_RECURSE ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share
	FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ
	DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ
	GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
