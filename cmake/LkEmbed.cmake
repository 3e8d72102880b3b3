# lk_embed(OUT NAME FILE [NAME FILE ...]): a C file with each FILE as the bytes
# NAME[] with a 0 behind them; made again when one of them changes.

function(lk_embed out)
	set(text "#include \"cli/shell_scripts.h\"\n")
	while(ARGN)
		list(POP_FRONT ARGN name file)
		set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
		file(READ ${file} hex HEX)
		string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
		string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
		string(APPEND text "const char ${name}[] = {\n${bytes}0 };\n")
	endwhile()
	file(CONFIGURE OUTPUT ${out} CONTENT "${text}" @ONLY)
endfunction()
