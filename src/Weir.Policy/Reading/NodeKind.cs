// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Reading;

/// <summary>Shape of a <see cref="Node"/>.</summary>
internal enum NodeKind
{
    Scalar,
    List,
    Mapping,
}
