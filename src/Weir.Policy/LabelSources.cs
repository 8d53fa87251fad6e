// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy;

/// <summary>Where a label can come from.</summary>
public static class LabelSources
{
    /// <summary>Docker.</summary>
    public const string Container = "container";

    /// <summary>Kubernetes.</summary>
    public const string Kubernetes = "k8s";

    /// <summary>Fixed by Weir: "reserved:host".</summary>
    public const string Reserved = "reserved";

    /// <summary>An address prefix: "cidr:10.0.0.0/8".</summary>
    public const string Cidr = "cidr";

    /// <summary>Labels of a node.</summary>
    public const string Node = "node";

    /// <summary>In a selector: every source.</summary>
    public const string Any = "any";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } = [Container, Kubernetes, Reserved, Cidr, Node, Any];
}
