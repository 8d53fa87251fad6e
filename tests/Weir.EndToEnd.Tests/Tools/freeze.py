"""Makes the kernel refuse all further writes of a pinned map: freeze.py PATH (bpf(2), BPF_MAP_FREEZE)."""
import ctypes
import os
import struct
import sys

BPF_OBJ_GET, BPF_MAP_FREEZE, SYS_BPF = 7, 22, {"x86_64": 321, "aarch64": 280}[os.uname().machine]
libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, 128)
    result = libc.syscall(SYS_BPF, command, buffer, 128)
    if result < 0:
        sys.exit(f"bpf({command}): {os.strerror(ctypes.get_errno())}")
    return result


path = ctypes.create_string_buffer(sys.argv[1].encode())
bpf(BPF_MAP_FREEZE, struct.pack("I", bpf(BPF_OBJ_GET, struct.pack("Q", ctypes.addressof(path)))))
