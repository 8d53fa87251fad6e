// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store.Files;

/// <summary>A file that grows at its end.</summary>
internal interface IDiskFile : IDisposable
{
    /// <summary>If it fails, any part may have been written.</summary>
    void Append(ReadOnlySpan<byte> bytes);

    void Truncate(long length);

    /// <summary>Returns when everything is on disk.</summary>
    void Sync();
}
