# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion for fish. What there is, the programs' own --help says, so that it is never out of date.

function __peerline_words
    for word in (commandline -opc)[2..-1]
        string match -q -- '-*' $word; or echo $word
    end
end

function __peerline_next
    set -l done (__peerline_words)
    for line in (peerline --help 2>/dev/null | string replace -rf '^  peerline ([a-z][a-z -]*).*' '$1')
        set -l words (string split -n ' ' -- $line)
        if test (count $done) -eq 0
            echo $words[1]
        else if test (count $done) -eq 1; and test "$words[1]" = "$done[1]"; and set -q words[2]
            echo $words[2]
        end
    end | sort -u
end

function __peerline_options
    peerline (__peerline_words)[1..2] --help 2>/dev/null | string match -ar -- '--[a-z][a-z-]*'
end

complete -c peerline -f -a '(__peerline_next)'
complete -c peerline -n 'string match -q -- "-*" (commandline -ct)' -f -a '(__peerline_options)'
complete -c peerline -n 'test (count (__peerline_words)) -ge 2' -F
