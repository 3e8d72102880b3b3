# Completion of lk for bash: source <(lk completion bash).  What can be typed is
# asked of lk itself.

# What a word of the command line says: without quotes and backslashes.
_lk_unquote() {
	local word=$1
	case $word in
	\"*) word=${word#\"} word=${word%\"} ;;
	\'*) word=${word#\'} word=${word%\'} ;;
	*) word=${word//\\/} ;;
	esac
	REPLY=$word
}

_lk() {
	local line=${COMP_LINE:0:COMP_POINT} gap word i cut='' files='' quoted=''
	local -a words=() said=()

	# bash cuts at = and : as well; here they are inside of words.
	for ((i = 0; i <= COMP_CWORD; i++)); do
		gap=${line%%[![:space:]]*}
		line=${line#"$gap"}
		word=${COMP_WORDS[i]}
		[ "$i" -lt "$COMP_CWORD" ] || word=$line
		line=${line#"$word"}
		if [ ${#words[@]} -eq 0 ] || [ -n "$gap" ]; then
			words+=("$word")
		else
			words[${#words[@]}-1]+=$word
		fi
	done
	[ ${#words[@]} -gt 1 ] || return 0

	word=${words[${#words[@]}-1]}
	case $word in
	[\"\']*) quoted=1 ;;
	*[=:]*) cut=${word%"${word##*[=:]}"} ;;
	esac
	for i in "${!words[@]}"; do
		_lk_unquote "${words[i]}"
		words[i]=$REPLY
	done
	word=${words[${#words[@]}-1]}

	mapfile -t said < <(command "${1:-lk}" completion words -- "${words[@]:1}" 2>/dev/null)
	COMPREPLY=()
	for i in "${said[@]}"; do
		case $i in
		$'\t'*) files=${i#?} ;;
		*) COMPREPLY+=("${i%%$'\t'*}") ;;
		esac
	done
	COMPREPLY=("${COMPREPLY[@]#"$cut"}")
	case $files in
	files) mapfile -t said < <(compgen -f -- "${word#"$cut"}") ;;
	folders) mapfile -t said < <(compgen -d -- "${word#"$cut"}") ;;
	*)
		if [ -z "$quoted" ]; then
			for i in "${!COMPREPLY[@]}"; do
				printf -v "COMPREPLY[i]" %q "${COMPREPLY[i]}"
			done
		fi
		return 0
		;;
	esac
	# readline itself quotes names of files.
	compopt -o filenames 2>/dev/null
	COMPREPLY+=("${said[@]}")
}

complete -F _lk lk
