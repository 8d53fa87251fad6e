# shellcheck shell=bash
# A virtual machine with Debian's kernel, emulated: for kernels that this machine does not run, and for
# counting instructions. Sourced after setup.sh, never run.
#   vm_fetch                    downloads and unpacks the kernel, once for all clones: $VM_KERNEL, $VM_RELEASE
#   vm_root DIR INIT            makes the root file system, with busybox and the script INIT as /init
#   vm_program DIR PROGRAM...   adds programs of this machine, with their libraries
#   vm_libraries DIR FILE...    adds the libraries that these files ask for
#   vm_python DIR               adds this machine's python3 with its standard library
#   vm_modules DIR MODULE...    adds modules and what they depend on
#   vm_boot DIR SECONDS [FLAG]... boots it; what /init writes to the console comes out. It has VM_MEMORY MB, and its
#                               kernel the parameters VM_APPEND
#   WEIR_VM_SUITE               takes the kernel of that suite of Debian's, such as trixie, not of the one that runs here
#   VM_CPU                      the flags of the oldest processor for which everything here is compiled (x86-64-v2): what a
#                               newer one has more, above all its larger tables of pages, is emulated at a quarter more time

VM_PACKAGE=linux-image-cloud-amd64
VM_CPU=(-cpu qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+lahf-lm,+rdrand)
VM_CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/weir/vm

# apt-get and apt-cache, by lists of their own where another suite is asked.
vm_apt() {
    local tool=apt-$1 own=$VM_CACHE/${WEIR_VM_SUITE:-}.apt
    shift
    if [ -z "${WEIR_VM_SUITE:-}" ]; then
        "$tool" "$@"
        return
    fi
    mkdir -p "$own/lists/partial" "$own/cache/archives/partial"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $WEIR_VM_SUITE main" > "$own/sources.list"
    "$tool" -o Dir::Etc::SourceList="$own/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$own/lists" \
        -o Dir::Cache="$own/cache" "$@"
}

# The newest version of the package that the archive's list names; nothing is installed. What is there is used.
vm_fetch() {
    local real
    real=$(vm_package)
    if [ -z "$real" ]; then
        try_again vm_apt get update -qq
        real=$(vm_package)
    fi
    if [ -z "$real" ]; then
        echo "$(basename "$0"): the package archive has no $VM_PACKAGE (Debian 12 has)" >&2
        return 1
    fi
    VM_RELEASE=${real#linux-image-}
    VM_KERNEL=$VM_CACHE/$VM_RELEASE
    [ -e "$VM_KERNEL" ] || try_again vm_download "$real"
}

vm_package() {
    vm_apt cache depends --no-recommends --no-suggests "$VM_PACKAGE" 2> /dev/null | awk '/Depends: linux-image-/ { print $2; exit }'
}

# Whole or not at all: two may do it at once.
vm_download() {
    local folder
    mkdir -p "$VM_CACHE"
    folder=$(mktemp -d "$VM_CACHE/download.XXXXXX")
    if ! (cd "$folder" && vm_apt get download -qq "$1" 2> download.log); then
        # What the archive's list names is gone from the archive: a list as of today.
        vm_apt get update -qq
        (cd "$folder" && vm_apt get download -qq "$1")
    fi
    # Later suites have their modules under /usr alone.
    if ! dpkg-deb --extract "$folder"/*.deb "$folder" || ! { [ -e "$folder/lib" ] || ln -s usr/lib "$folder/lib"; } || ! depmod -b "$folder" "$VM_RELEASE"; then
        rm -rf "$folder"
        return 1
    fi
    rm -f "$folder"/*.deb "$folder/download.log"
    mv --no-target-directory "$folder" "$VM_KERNEL" 2> /dev/null || rm -rf "$folder"
}

vm_root() {
    mkdir -p "$1"/{dev,proc,sys,run,tmp,etc,lib/modules,usr/bin,usr/sbin}
    ln -s usr/bin "$1/bin"
    ln -s usr/sbin "$1/sbin"
    install "$(command -v busybox)" "$1/usr/bin/busybox"
    chroot "$1" /bin/busybox --install -s /usr/bin
    install -m 0755 "$2" "$1/init"
}

vm_program() {
    local root=$1 program path
    shift
    for program in "$@"; do
        path=$(command -v "$program")
        rm -f "$root/usr/bin/$program"
        install -D "$(readlink -f "$path")" "$root/usr/sbin/$program"
        vm_libraries "$root" "$path"
    done
}

vm_libraries() {
    local root=$1 path
    shift
    while read -r path; do
        [ -e "$root$path" ] || install -D "$(readlink -f "$path")" "$root$path"
    done < <(ldd "$@" 2> /dev/null | sed -n 's,^\t[^/]*\(/[^ ]*\).*,\1,p' | sort -u)
}

# At the paths it has here, by which it finds its library; without what fills most of it.
vm_python() {
    local root=$1 python library
    python=$(PATH=/usr/bin:$PATH command -v python3)
    read -r python library < <("$python" -c 'import os, sys, sysconfig; print(os.path.realpath(sys.executable), sysconfig.get_path("stdlib"))')
    install -D "$python" "$root$python"
    ln -sf "$python" "$root/usr/bin/python3"
    mkdir -p "$root$library"
    tar -C "$library" -c --exclude=./test --exclude=./idlelib --exclude=./lib2to3 --exclude=./ensurepip --exclude='./config-*' \
        --exclude=./site-packages --exclude=./dist-packages --exclude=./tkinter . | tar -C "$root$library" -x
    vm_libraries "$root" "$python" "$library"/lib-dynload/*.so
}

vm_modules() {
    local root=$1 module path
    local from=$VM_KERNEL/lib/modules/$VM_RELEASE to=$1/lib/modules/$VM_RELEASE
    shift
    mkdir -p "$to"
    for module in "$@"; do
        for path in $(sed -n "s,^\(\(.*/\)\?$module\.ko\):\(.*\),\1 \3,p" "$from/modules.dep"); do
            install -D -m 0644 "$from/$path" "$to/$path"
        done
    done
    depmod -b "$root" "$VM_RELEASE" 2> /dev/null
}

# A limit of time ends what hangs; the machine has no disk, and no network but what a FLAG gives it.
vm_boot() {
    local root=$1 limit=$2 image
    shift 2
    image=$(mktemp "${TMPDIR:-/tmp}/weir-vm.XXXXXX")
    (cd "$root" && find . | cpio --quiet -o -H newc) > "$image"
    timeout --kill-after=5 "$limit" qemu-system-x86_64 -nodefaults -no-reboot -display none -serial stdio \
        -m "${VM_MEMORY:-1536}" -kernel "$VM_KERNEL/boot/vmlinuz-$VM_RELEASE" -initrd "$image" \
        -append "console=ttyS0 quiet panic=-1 ${VM_APPEND:-}" "$@" < /dev/null | sed -u 's,\r$,,'
    local status=${PIPESTATUS[0]}
    rm -f "$image"
    return "$status"
}
