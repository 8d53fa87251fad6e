// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;

namespace Weir.Http.Differences;

/// <summary>Compares masks by what is in them.</summary>
public sealed class MaskComparer : IEqualityComparer<ulong[]>
{
    public static MaskComparer Instance { get; } = new();

    /// <inheritdoc/>
    public bool Equals(ulong[]? x, ulong[]? y) => x.AsSpan().SequenceEqual(y);

    /// <inheritdoc/>
    public int GetHashCode(ulong[] obj)
    {
        ArgumentNullException.ThrowIfNull(obj);
        var hash = default(HashCode);
        hash.AddBytes(MemoryMarshal.AsBytes(obj.AsSpan()));
        return hash.ToHashCode();
    }
}
