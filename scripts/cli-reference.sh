#!/usr/bin/env bash
# Prints docs/reference/cli.md from the commands' own help.
#   scripts/cli-reference.sh [WEIR] > docs/reference/cli.md
set -euo pipefail
weir=${1:-out/weir}

# The names of a command's subcommands.
subcommands() {
    "$weir" "$@" --help | awk '/^Commands:/ { on = 1; next } /^[^ ]/ { on = 0 } on && NF { print $1 }'
}

# A command's help, then those of its subcommands.
describe() {
    printf '\n## `%s`\n\n```\n' "${*:-weir}"
    "$weir" "${@:2}" --help | sed -e 's/[ \t]*$//' | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'
    printf '```\n'
    local name
    for name in $(subcommands "${@:2}"); do
        describe "$@" "$name"
    done
}

cat << 'END'
# Commands

What `weir COMMAND --help` says, written by `scripts/cli-reference.sh`.

Exit codes: 0 fine, 1 failed, 2 bad usage or input. Tables are for people; `-o json` is for programs and
keeps its field names. Colour only on a terminal, and not with `NO_COLOR` set.
END
describe weir
