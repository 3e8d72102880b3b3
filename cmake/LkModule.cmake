# One static library per top-level folder, made of every .c file in it.  USES
# names other modules; which ones are allowed is written down once, in
# scripts/tidy.py, and checked there.

function(lk_module name)
	cmake_parse_arguments(M "" "" "USES;EXTERNAL;EXCEPT" ${ARGN})
	file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${name}/*.c)
	foreach(file IN LISTS M_EXCEPT)
		list(REMOVE_ITEM sources ${PROJECT_SOURCE_DIR}/${name}/${file})
	endforeach()
	add_library(lk_${name} STATIC ${sources})
	target_include_directories(lk_${name} PUBLIC ${PROJECT_SOURCE_DIR})
	foreach(dep IN LISTS M_USES)
		target_link_libraries(lk_${name} PUBLIC lk_${dep})
	endforeach()
	target_link_libraries(lk_${name} PRIVATE lk_flags ${M_EXTERNAL})
endfunction()

# Every tests/unit/MODULE/*_test.c is one test, linked with that module; the
# target tests_MODULE builds them all.
function(lk_unit_tests module)
	cmake_parse_arguments(T "" "" "EXTERNAL" ${ARGN})
	file(GLOB sources CONFIGURE_DEPENDS
		${CMAKE_CURRENT_SOURCE_DIR}/unit/${module}/*_test.c)
	add_custom_target(tests_${module})
	# An emulator takes its time.
	set(seconds 120)
	if(CMAKE_CROSSCOMPILING)
		set(seconds 900)
	endif()
	foreach(source IN LISTS sources)
		get_filename_component(name ${source} NAME_WE)
		set(target ${module}_${name})
		add_executable(${target} ${source})
		target_link_libraries(${target} PRIVATE lk_${module} lk_flags
			PkgConfig::CMOCKA PkgConfig::JSONC ${T_EXTERNAL})
		target_compile_definitions(${target} PRIVATE
			LK_TEST_DATA="${CMAKE_CURRENT_SOURCE_DIR}/data")
		add_test(NAME unit/${module}/${name} COMMAND ${target})
		set_tests_properties(unit/${module}/${name} PROPERTIES
			LABELS unit TIMEOUT ${seconds})
		add_dependencies(tests_${module} ${target})
	endforeach()
endfunction()

# Every tests/fuzz/MODULE/*_fuzz.c is a libFuzzer target (clang, LK_FUZZ).
function(lk_fuzz_targets module)
	file(GLOB sources CONFIGURE_DEPENDS
		${CMAKE_CURRENT_SOURCE_DIR}/fuzz/${module}/*_fuzz.c)
	foreach(source IN LISTS sources)
		get_filename_component(name ${source} NAME_WE)
		add_executable(${name} ${source})
		target_link_libraries(${name} PRIVATE lk_${module} lk_flags)
		target_link_options(${name} PRIVATE -fsanitize=fuzzer)
	endforeach()
endfunction()

# The same target with tests/sim/cheap behind crypto's headers, as NAME_cheap:
# where an input would cost little but signatures and key agreement.
function(lk_fuzz_cheap module)
	foreach(name IN LISTS ARGN)
		add_executable(${name}_cheap
			${CMAKE_CURRENT_SOURCE_DIR}/fuzz/${module}/${name}.c)
		target_link_libraries(${name}_cheap PRIVATE
			"$<LINK_LIBRARY:WHOLE_ARCHIVE,lk_crypto_cheap>"
			lk_${module} lk_flags)
		target_link_options(${name}_cheap PRIVATE -fsanitize=fuzzer)
	endforeach()
endfunction()
