// SPDX-License-Identifier: Apache-2.0
using System.Net;

namespace Weir.Datapath;

/// <summary>What is answered to whoever asks for a name.</summary>
/// <param name="Addresses">Of each family so many at most as an answer has, <see cref="Longest"/>.</param>
public sealed record NameRow(NetworkName Name, IReadOnlyList<IPAddress> Addresses)
{
    /// <summary>Addresses of one family in an answer.</summary>
    public const int Longest = (int)Abi.NameLimit.Addresses;
}
