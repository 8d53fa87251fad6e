// SPDX-License-Identifier: Apache-2.0

namespace Weir.Bpf;

/// <summary>BPF_F_* of map creation, as far as it is used.</summary>
[Flags]
public enum BpfMapFlags : uint
{
    None = 0,
    NoPreallocation = 1,
    MemoryMappable = 1 << 10,
}
