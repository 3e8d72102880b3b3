#compdef lk
# Completion of lk for zsh: source <(lk completion zsh), after compinit; or as the
# file _lk in a directory of fpath.  What can be typed is asked of lk itself.

_lk() {
	local -a said found shown
	local line word about files

	said=("${(@f)$(command lk completion words -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
	for line in "${said[@]}"; do
		word=${line%%$'\t'*}
		about=
		[[ $line == *$'\t'* ]] && about=${line#*$'\t'}
		if [[ -z $word ]]; then
			files=$about
			continue
		fi
		found+=("$word")
		shown+=("$word${about:+  -- $about}")
	done
	(( $#found )) && compadd -l -d shown -a found
	[[ -n $files ]] || return 0
	compset -P '--*='
	if [[ $files == folders ]]; then
		_files -/
	else
		_files
	fi
}

if [[ ${funcstack[1]} == _lk ]]; then
	_lk "$@"
else
	compdef _lk lk
fi
