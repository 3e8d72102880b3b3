# Another machine: Debian's cross compiler, Debian's libraries of that machine
# in LK_SYSROOT (scripts/sysroot), and qemu-user to run what comes out.
#   cmake --toolchain cmake/foreign.cmake -DLK_MACHINE=arm64 -DLK_SYSROOT=DIR

set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LK_MACHINE LK_SYSROOT)

if(LK_MACHINE STREQUAL "arm64")
	set(CMAKE_SYSTEM_PROCESSOR aarch64)
	set(lk_triplet aarch64-linux-gnu)
	set(lk_qemu qemu-aarch64)
elseif(LK_MACHINE STREQUAL "armhf")
	set(CMAKE_SYSTEM_PROCESSOR arm)
	set(lk_triplet arm-linux-gnueabihf)
	set(lk_qemu qemu-arm)
elseif(LK_MACHINE STREQUAL "s390x")
	set(CMAKE_SYSTEM_PROCESSOR s390x)
	set(lk_triplet s390x-linux-gnu)
	set(lk_qemu qemu-s390x)
else()
	message(FATAL_ERROR "LK_MACHINE is none of arm64, armhf, s390x")
endif()

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_C_COMPILER ${lk_triplet}-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE ${lk_triplet})
set(CMAKE_SYSROOT ${LK_SYSROOT})
set(CMAKE_FIND_ROOT_PATH ${LK_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_CROSSCOMPILING_EMULATOR ${lk_qemu} -L ${LK_SYSROOT})

set(ENV{PKG_CONFIG_DIR} "")
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${LK_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR}
	${LK_SYSROOT}/usr/lib/${lk_triplet}/pkgconfig:${LK_SYSROOT}/usr/share/pkgconfig)
