# shellcheck shell=sh
# What happens on a host when Weir comes, changes and goes: the same by deb, by rpm and by install.sh, into each of which
# this is copied. Plain sh, and no failure of it leaves a package half installed.

# Whether systemd runs here, and not only its files lie about.
weir_has_systemd() { [ -d /run/systemd/system ]; }

# As the system's own tools do it, which heed what an administrator has forbidden.
weir_systemctl() {
    if command -v deb-systemd-invoke > /dev/null && [ "$1" != daemon-reload ]; then
        deb-systemd-invoke "$@" > /dev/null
    else
        systemctl --quiet "$@"
    fi
}

# Members of weir may use the command line, members of weir-read may look.
weir_make_groups() {
    for weir_group in weir weir-read; do
        getent group "$weir_group" > /dev/null || groupadd --system "$weir_group" || true
    done
}

# After the files have come.
#   weir_came first|upgrade
weir_came() {
    weir_make_groups
    if [ "$1" = first ] && command -v systemctl > /dev/null; then
        systemctl --quiet enable weir.service || true
    fi
    weir_has_systemd || return 0
    weir_systemctl daemon-reload || true
    # Traffic and policy hold while the agent is away. Docker is not asked to do anything.
    if [ "$1" = first ]; then
        weir_systemctl start weir.service || weir_did_not_start
    else
        weir_systemctl try-restart weir.service || weir_did_not_start
    fi
}

weir_did_not_start() {
    echo "weir: the agent does not run: 'sudo weir check' tells what is missing, 'journalctl -u weir' what it said" >&2
}

# Before the files go. What is in the kernel goes with them, since nothing could manage it any more; networks, policy and
# settings stay until a purge.
#   weir_goes PATH-OF-WEIR
weir_goes() {
    if command -v systemctl > /dev/null; then
        systemctl --quiet disable weir.service || true
    fi
    if weir_has_systemd; then
        weir_systemctl stop weir.service || true
    fi
    # Where none of this is, no agent has run: the root of an image that is being made, say.
    if [ -d /run/weir ] || [ -d /sys/fs/bpf/weir ]; then
        "$1" cleanup --yes --keep-state ||
            echo "weir: not every trace could be removed; a restart of this host takes the rest" >&2
    fi
}

# After the files have gone.
weir_gone() {
    if weir_has_systemd; then
        weir_systemctl daemon-reload || true
    fi
}

# Everything that is not a file of the package.
weir_purge() {
    rm -rf /var/lib/weir /run/weir /etc/weir
    for weir_group in weir weir-read; do
        if getent group "$weir_group" > /dev/null; then
            groupdel "$weir_group" || true
        fi
    done
}
