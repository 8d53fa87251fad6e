// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Rules;

/// <summary>The headers of a request, in their order, wherever they are kept.</summary>
public interface IHeaders
{
    int Count { get; }

    ReadOnlySpan<byte> Name(int index);

    /// <summary>Without white space around it.</summary>
    ReadOnlySpan<byte> Value(int index);
}
