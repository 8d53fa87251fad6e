// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;

namespace Weir.Datapath.Abi;

/// <summary>Counts that are added up.</summary>
public partial struct HttpCount
{
    /// <summary>Adds another's.</summary>
    public void Add(in HttpCount other) => Change(in other, static (own, more) => own + more);

    /// <summary>Takes away what was counted before.</summary>
    public void Subtract(in HttpCount before) => Change(in before, static (own, less) => own - less);

    private void Change(in HttpCount by, Func<ulong, ulong, ulong> change)
    {
        Span<ulong> own = MemoryMarshal.Cast<HttpCount, ulong>(new Span<HttpCount>(ref this));
        ReadOnlySpan<ulong> other = MemoryMarshal.Cast<HttpCount, ulong>(new ReadOnlySpan<HttpCount>(in by));
        for (int i = 0; i < own.Length; i++)
        {
            own[i] = change(own[i], other[i]);
        }
    }
}
