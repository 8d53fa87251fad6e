// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace Weir.Datapath.Abi;

/// <summary>Counts that are added up.</summary>
public partial struct HttpCount
{
    /// <summary>Adds another's.</summary>
    public void Add(in HttpCount other)
    {
        Span<ulong> own = MemoryMarshal.Cast<HttpCount, ulong>(new Span<HttpCount>(ref this));
        ReadOnlySpan<ulong> more = MemoryMarshal.Cast<HttpCount, ulong>(new ReadOnlySpan<HttpCount>(in other));
        for (int i = 0; i < own.Length; i++)
        {
            own[i] += more[i];
        }
    }

    /// <summary>Takes away what was counted before.</summary>
    public void Subtract(in HttpCount before)
    {
        Span<ulong> own = MemoryMarshal.Cast<HttpCount, ulong>(new Span<HttpCount>(ref this));
        ReadOnlySpan<ulong> less = MemoryMarshal.Cast<HttpCount, ulong>(new ReadOnlySpan<HttpCount>(in before));
        for (int i = 0; i < own.Length; i++)
        {
            own[i] -= less[i];
        }
    }
}
