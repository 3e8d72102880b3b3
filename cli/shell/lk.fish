# Completion of lk for fish: lk completion fish | source.  What can be typed is
# asked of lk itself.

function __lk_words
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l rest $word
    set -l option
    set -e words[1]
    if set -l plain (string unescape -- "$word")
        set word $plain
    end
    for line in (command lk completion words -- $words "$word" 2>/dev/null)
        switch $line
            case \tfiles \tfolders
                if string match -qr -- '^--[a-z-]+=' "$rest"
                    set option (string replace -r -- '=.*' '=' "$rest")
                    set rest (string replace -r -- '^[^=]*=' '' "$rest")
                end
                if test $line = \tfolders
                    printf "$option%s\n" (__fish_complete_directories "$rest" '')
                else
                    printf "$option%s\n" (__fish_complete_path "$rest")
                end
            case '*'
                printf '%s\n' $line
        end
    end
end

complete -c lk -f -a '(__lk_words)'
