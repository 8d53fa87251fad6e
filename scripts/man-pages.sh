#!/usr/bin/env bash
# Writes manual pages from the commands' own help: weir.1, weir-policy.1, weir-policy-apply.1 and so on.
#   scripts/man-pages.sh WEIR FOLDER
set -euo pipefail
weir=$1
folder=$2
version=$("$weir" --version | cut -d ' ' -f 2)
date=$(date -u -d "@${SOURCE_DATE_EPOCH:-$(stat -c %Y "$weir")}" +%F)
mkdir -p "$folder"

# Turns a help text into a page. What stands in two columns becomes a list; everything that could be a request of roff's is
# made harmless.
#   page NAME < HELP
page() {
    awk -v name="$1" -v version="$version" -v date="$date" '
        function plain(text) { gsub(/\\/, "\\e", text); gsub(/-/, "\\-", text); if (text ~ /^[.'"'"']/) text = "\\&" text; return text }
        function section(title) { print ".SH " title }
        BEGIN { printf ".TH \"%s\" 1 \"%s\" \"weir %s\" \"Weir\"\n", plain(toupper(name)), date, version }
        { sub(/[ \t]+$/, "") }
        /^[A-Z][a-z]*:$/ {
            part = substr($0, 1, length($0) - 1)
            if (part == "Description") section("NAME")
            else if (part == "Usage") section("SYNOPSIS")
            else section(toupper(part))
            if (part == "Examples") print ".nf"
            next
        }
        $0 == "" { next }
        part == "Description" { sub(/^ +/, ""); if (said++) print plain($0); else print plain(name) " \\- " plain($0); next }
        part == "Usage" { sub(/^ +/, ""); print ".B " plain($0); next }
        part == "Examples" { sub(/^  /, ""); print plain($0); next }
        # An entry, or the rest of a long one.
        /^  [^ ]/ {
            if (part == "Commands") below = below " " name "-" $1
            at = match(substr($0, 3), /  +/)
            print ".TP"
            if (at) { print ".B " plain(substr($0, 3, at - 1)); rest = substr($0, 2 + at); sub(/^ +/, "", rest); print plain(rest) }
            else { print ".B " plain(substr($0, 3)); print "\\&" }
            next
        }
        { sub(/^ +/, ""); print plain($0) }
        END {
            if (part == "Examples") print ".fi"
            section("EXIT STATUS")
            print "0 fine, 1 failed, 2 bad usage or input."
            if (name != "weir" || below != "") {
                section("SEE ALSO")
                list = (name == "weir" ? "" : " weir") below
                count = split(substr(list, 2), pages, " ")
                for (i = 1; i <= count; i++) print ".BR " plain(pages[i]) " (1)" (i < count ? " ," : "")
            }
        }'
}

# The names of a command's subcommands, of its help.
subcommands() {
    awk '/^Commands:/ { on = 1; next } /^[^ ]/ { on = 0 } on && NF { print $1 }'
}

# Writes a command's page, then those below it.
describe() {
    local name help sub
    name=$(IFS=-; echo "weir${*:+-$*}")
    help=$("$weir" "$@" --help)
    page "$name" <<< "$help" > "$folder/$name.1"
    for sub in $(subcommands <<< "$help"); do
        describe "$@" "$sub"
    done
}

describe
