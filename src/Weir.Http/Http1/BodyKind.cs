// SPDX-License-Identifier: Apache-2.0
namespace Weir.Http.Http1;

/// <summary>How a message says where its body ends (RFC 9112 §6.3).</summary>
public enum BodyKind
{
    None,
    Length,
    Chunked,

    /// <summary>With the connection; only for answers.</summary>
    UntilClose,
}
