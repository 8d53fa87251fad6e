// SPDX-License-Identifier: Apache-2.0

namespace Weir.Bpf;

/// <summary>enum bpf_map_type, as far as it is used.</summary>
public enum BpfMapType : uint
{
    Unspecified = 0,
    Hash = 1,
    Array = 2,
    ProgramArray = 3,
    PerCpuHash = 5,
    PerCpuArray = 6,
    LruHash = 9,
    LongestPrefixTrie = 11,
    ArrayOfMaps = 12,
    HashOfMaps = 13,
    SocketMap = 15,
    SocketStorage = 24,
    RingBuffer = 27,
}
