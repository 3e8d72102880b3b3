# Completion of lk for bash: source <(lk completion bash).  What can be typed is
# asked of lk itself.

# What a word of the command line says, without quotes and backslashes, is REPLY;
# the quote it is inside of at its end, QUOTE; and what of REPLY stands before the
# piece that readline completes, CUT.
_lk_unquote() {
	local word=$1 c i
	REPLY='' QUOTE='' CUT=''

	for ((i = 0; i < ${#word}; i++)); do
		c=${word:i:1}
		case ${QUOTE:-_}$c in
		\'\' | \"\") QUOTE='' ;;
		\'*) REPLY+=$c ;;
		\"\\)
			case ${word:i+1:1} in
			[\$\`\"\\]) i=$((i + 1)) c=${word:i:1} ;;
			esac
			REPLY+=$c
			;;
		\"*) REPLY+=$c ;;
		_\\) i=$((i + 1)) REPLY+=${word:i:1} ;;
		_[\"\']) QUOTE=$c CUT=$REPLY ;;
		_@) CUT=$REPLY REPLY+=$c ;;
		_[=:]) REPLY+=$c CUT=$REPLY ;;
		*) REPLY+=$c ;;
		esac
	done
}

_lk() {
	local line=${COMP_LINE:0:COMP_POINT} gap word i cut files=''
	local REPLY QUOTE CUT
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

	for i in "${!words[@]}"; do
		_lk_unquote "${words[i]}"
		words[i]=$REPLY
	done
	word=$REPLY cut=$CUT

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
		# readline inserts them as they are.  Inside of quotes nothing can
		# be quoted that means something there; others choose names, too.
		for i in "${!COMPREPLY[@]}"; do
			if [ -z "$QUOTE" ]; then
				printf -v "COMPREPLY[i]" %q "${COMPREPLY[i]}"
			elif [[ ${COMPREPLY[i]} == *[\$\`\"\\\!\']* ]]; then
				unset "COMPREPLY[i]"
			fi
		done
		return 0
		;;
	esac
	# readline itself quotes names of files.
	compopt -o filenames 2>/dev/null
	COMPREPLY+=("${said[@]}")
}

complete -F _lk lk
