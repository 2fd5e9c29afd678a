#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion for bash offers what `peerline --help` lists, by running it as the shell does.
[ -n "$BASH_VERSION" ] || exec bash "$0"
PATH=${builddir:?}/proxy:$PATH
PEERLINE_HOME=$(mktemp -d)
export PEERLINE_HOME
trap 'rm -r "$PEERLINE_HOME"' EXIT
# shellcheck source=/dev/null
. "${srcdir:?}/data/completions/peerline"

n=0
offers () { # WANTED WORD... : completing the last word offers exactly WANTED
  local wanted=$1
  shift
  COMP_WORDS=(peerline "$@")
  COMP_CWORD=$#
  _peerline
  n=$((n + 1))
  if [ "${COMPREPLY[*]}" = "$wanted" ]; then
    echo "ok $n - completes '$*'"
  else
    echo "# offered: ${COMPREPLY[*]}"
    echo "not ok $n - completes '$*'"
  fi
}

peerline overlay create friends.example >/dev/null 2>&1
offers "$(peerline --help | sed -n 's/^  peerline \([a-z][a-z]*\).*/\1/p' | LC_ALL=C sort -u | paste -sd ' ')" ''
offers 'overlay' ov
offers 'create join list secret update' overlay ''
offers '--bootstrap=' overlay create --b
offers 'friends.example' identity create alice@example.org --overlay ''
offers 'baresip ekiga generic linphone twinkle' phone ''
offers '' no-such-command ''
echo "1..$n"
