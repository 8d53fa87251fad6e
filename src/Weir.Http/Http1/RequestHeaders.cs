// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Rules;

namespace Weir.Http.Http1;

/// <summary>The headers of a head that is still in its buffer.</summary>
public readonly ref struct RequestHeaders : IHeaders
{
    private readonly RequestHead _owner;
    private readonly ReadOnlySpan<byte> _head;

    internal RequestHeaders(RequestHead owner, ReadOnlySpan<byte> head)
    {
        _owner = owner;
        _head = head;
    }

    public int Count => _owner.HeaderCount;

    public ReadOnlySpan<byte> Name(int index) => _owner.Name(_head, index);

    /// <inheritdoc/>
    public ReadOnlySpan<byte> Value(int index) => _owner.Value(_head, index);
}
