// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control;

/// <summary>What runs behind an endpoint, as its runtime tells: a container.</summary>
/// <param name="PublishLabel">What whoever runs it says in <see cref="PublishLabelKey"/>; null: nothing.</param>
/// <param name="IsPublishLabelOfImage">It may be the image's word: not that of whoever runs it.</param>
public sealed record Workload(
    string Id, string Name, string Image, IReadOnlyDictionary<string, string> Labels, string? PublishLabel = null, bool IsPublishLabelOfImage = false)
{
    /// <summary>The label by which a container says to whom its published ports are open.</summary>
    public const string PublishLabelKey = "weir.publish";
}
