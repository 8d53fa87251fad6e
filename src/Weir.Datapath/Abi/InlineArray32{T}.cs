// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;

namespace Weir.Datapath.Abi;

/// <summary>Thirty-two in a row: .NET has its own up to sixteen.</summary>
[InlineArray(32)]
public struct InlineArray32<T>
{
#pragma warning disable CS0169, IDE0044, IDE0051 // it is the array
    private T _first;
#pragma warning restore CS0169, IDE0044, IDE0051
}
