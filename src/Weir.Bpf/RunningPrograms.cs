// SPDX-License-Identifier: Apache-2.0

using Weir.Linux;

namespace Weir.Bpf;

/// <summary>Programs that run at this moment, on whatever CPU.</summary>
public static class RunningPrograms
{
    /// <summary>Returns when every run that began before the call has ended: a program that was replaced before it writes nothing any more.
    /// Some ten milliseconds.</summary>
    /// <remarks>The kernel promises that of a change of a map of maps (maybe_wait_bpf_programs): this one is made for it.</remarks>
    /// <exception cref="LinuxException">The kernel makes no such map.</exception>
    public static void Await()
    {
        var inner = new BpfMapSpec("await_inner", BpfMapType.Array, sizeof(uint), sizeof(uint), 1);
        using BpfMap one = BpfMap.Create(inner);
        using BpfMap outer = BpfMap.Create(new BpfMapSpec("await", BpfMapType.ArrayOfMaps, sizeof(uint), sizeof(uint), 1, Inner: inner));
        outer.Update(BitConverter.GetBytes(0), BitConverter.GetBytes(one.Fd));
    }
}
