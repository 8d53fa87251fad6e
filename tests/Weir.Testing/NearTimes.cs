// SPDX-License-Identifier: Apache-2.0
using Weir.Bpf;

namespace Weir.Testing;

/// <summary>Until when the flows in weir_near are believed there (struct near_flow, until_ns).</summary>
internal sealed class NearTimes(BpfMap map) : IDisposable
{
    private const int At = 16;
    private const int Size = 64;

    private readonly BpfMapMemory<ulong>[] _ways =
        [.. Enumerable.Range(0, (int)map.Spec.ValueSize / Size).Select(way => new BpfMapMemory<ulong>(map, (way * Size) + At))];

    /// <summary>Returns how many are there.</summary>
    internal int Set(ulong ns)
    {
        int count = 0;
        foreach (BpfMapMemory<ulong> way in _ways)
        {
            for (int i = 0; i < way.Count; i++)
            {
                if (way[i] != 0)
                {
                    way[i] = ns;
                    count++;
                }
            }
        }

        return count;
    }

    public void Dispose() => Array.ForEach(_ways, way => way.Dispose());
}
