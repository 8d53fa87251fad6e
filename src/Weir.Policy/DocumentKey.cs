// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy;

/// <summary>
/// What tells one policy from another: its kind, and its name with "namespace/" before it where one is told.
/// A NetworkPolicy and a CiliumNetworkPolicy of one name are two policies, as in Kubernetes.
/// </summary>
public sealed record DocumentKey(string Kind, string Name) : IComparable<DocumentKey>
{
    /// <summary>By name, then by kind.</summary>
    public int CompareTo(DocumentKey? other)
    {
        if (other is null)
        {
            return 1;
        }

        var order = string.CompareOrdinal(Name, other.Name);
        return order != 0 ? order : string.CompareOrdinal(Kind, other.Kind);
    }

    public static bool operator <(DocumentKey left, DocumentKey right) => left.CompareTo(right) < 0;

    public static bool operator >(DocumentKey left, DocumentKey right) => left.CompareTo(right) > 0;

    public static bool operator <=(DocumentKey left, DocumentKey right) => left.CompareTo(right) <= 0;

    public static bool operator >=(DocumentKey left, DocumentKey right) => left.CompareTo(right) >= 0;

    /// <summary>"NetworkPolicy/shop/web": the name that fits no other policy.</summary>
    public override string ToString() => $"{Kind}/{Name}";
}
