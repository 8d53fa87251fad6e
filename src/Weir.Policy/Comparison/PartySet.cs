// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy.Comparison;

/// <summary>Whom a difference is about: containers by conditions on their labels, reserved peers, addresses outside.</summary>
/// <param name="More">Classes of containers beyond these that are not described.</param>
public sealed record PartySet(
    IReadOnlyList<LabelConditions> Containers, IReadOnlyList<Identity> Reserved, IReadOnlyList<AddressRange> Addresses, int More)
{
    /// <summary>One text for each of its parts.</summary>
    public IReadOnlyList<string> Parts { get; } =
    [
        .. Containers.Select(conditions => conditions.ToString()),
        .. More == 0 ? [] : new[] { $"{More} classes of labels more" },
        .. Reserved.Select(identity => identity.ReservedName!),
        .. Addresses is [{ Prefix.Length: 0, Except: [] }, { Prefix.Length: 0, Except: [] }] ? ["world"] : Addresses.Select(range => range.ToString()),
    ];

    /// <summary>"role=web or host or 10.0.0.0/8 except 10.1.0.0/16".</summary>
    public override string ToString() => string.Join(" or ", Parts);
}
