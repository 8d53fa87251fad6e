// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control;

/// <summary>What runs behind an endpoint, as its runtime tells: a container.</summary>
/// <param name="Doors">What its label <see cref="PublishLabelKey"/> says; null: it has none.</param>
/// <param name="Claims">The same of <see cref="AddressesLabelKey"/>.</param>
public sealed record Workload(
    string Id, string Name, string Image, IReadOnlyDictionary<string, string> Labels, WorkloadLabel? Doors = null, WorkloadLabel? Claims = null)
{
    /// <summary>The label by which a container says to whom its published ports are open.</summary>
    public const string PublishLabelKey = "weir.publish";

    /// <summary>The label by which a container says which addresses it has beside those of its networks.</summary>
    public const string AddressesLabelKey = "weir.addresses";
}
