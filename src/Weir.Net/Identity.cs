// SPDX-License-Identifier: Apache-2.0
namespace Weir.Net;

/// <summary>
/// Security identity: the number that stands for a set of labels. At most 24 bits, so that it fits
/// an encapsulation header.
/// </summary>
public readonly record struct Identity(uint Value) : IComparable<Identity>
{
    /// <summary>First number given to a set of labels; smaller ones are reserved.</summary>
    public const uint FirstAllocated = 256;

    /// <summary>First number given to a set of labels on all nodes of a cluster; smaller ones mean something on one host only.</summary>
    public const uint FirstOfCluster = 0x00010000;

    /// <summary>Scope bit of identities that stand for a CIDR prefix on this host.</summary>
    public const uint CidrScope = 0x01000000;

    /// <summary>No identity is known; in a policy key: any peer.</summary>
    public static Identity Unknown => new(0);

    /// <summary>The host itself.</summary>
    public static Identity Host => new(1);

    /// <summary>Outside, family not told.</summary>
    public static Identity World => new(2);

    /// <summary>A container that is not under Weir's management.</summary>
    public static Identity Unmanaged => new(3);

    /// <summary>Health probes.</summary>
    public static Identity Health => new(4);

    /// <summary>An endpoint whose labels are not known yet.</summary>
    public static Identity Init => new(5);

    /// <summary>Another host.</summary>
    public static Identity RemoteNode => new(6);

    /// <summary>The Kubernetes API server.</summary>
    public static Identity KubeApiServer => new(7);

    /// <summary>An ingress proxy.</summary>
    public static Identity Ingress => new(8);

    /// <summary>Outside, IPv4.</summary>
    public static Identity WorldIpv4 => new(9);

    /// <summary>Outside, IPv6.</summary>
    public static Identity WorldIpv6 => new(10);

    /// <summary>Every reserved identity that has a name, in order, <see cref="Unknown"/> excluded.</summary>
    public static IReadOnlyList<Identity> Reserved { get; } =
        [Host, World, Unmanaged, Health, Init, RemoteNode, KubeApiServer, Ingress, WorldIpv4, WorldIpv6];

    /// <summary>Whether the number is one of the fixed ones.</summary>
    public bool IsReserved => Value < FirstAllocated;

    /// <summary>Whether it stands for a CIDR prefix.</summary>
    public bool IsCidr => (Value & CidrScope) != 0;

    /// <summary>Whether it is outside of what is managed: the world or a CIDR prefix.</summary>
    public bool IsWorld => IsCidr || Value is 2 or 9 or 10;

    /// <summary>Whether it stands for the labels of an endpoint (allocated, and no CIDR prefix).</summary>
    public bool IsLabelSet => Value >= FirstAllocated && !IsCidr;

    /// <summary>Whether it stands for the same labels on every node of a cluster.</summary>
    public bool IsOfCluster => IsLabelSet && Value >= FirstOfCluster;

    /// <summary>Whether a managed endpoint can have it: labels, or <see cref="Init"/>.</summary>
    public bool IsEndpoint => IsLabelSet || Value == 5;

    /// <summary>The identity of the n-th CIDR prefix.</summary>
    public static Identity ForCidr(uint number) => new(CidrScope | number);

    /// <summary>Name of a reserved identity ("host", "world-ipv4", …), or null.</summary>
    public string? ReservedName => Value switch
    {
        0 => "unknown",
        1 => "host",
        2 => "world",
        3 => "unmanaged",
        4 => "health",
        5 => "init",
        6 => "remote-node",
        7 => "kube-apiserver",
        8 => "ingress",
        9 => "world-ipv4",
        10 => "world-ipv6",
        _ => null,
    };

    /// <summary>Finds a reserved identity by name, with or without "reserved:".</summary>
    public static bool TryParseReserved(string name, out Identity identity)
    {
        ArgumentNullException.ThrowIfNull(name);
        var bare = name.StartsWith("reserved:", StringComparison.Ordinal) ? name["reserved:".Length..] : name;
        foreach (var candidate in Reserved)
        {
            if (candidate.ReservedName == bare)
            {
                identity = candidate;
                return true;
            }
        }

        identity = Unknown;
        return bare == "unknown";
    }

    /// <inheritdoc/>
    public int CompareTo(Identity other) => Value.CompareTo(other.Value);

    public static bool operator <(Identity left, Identity right) => left.Value < right.Value;

    public static bool operator >(Identity left, Identity right) => left.Value > right.Value;

    public static bool operator <=(Identity left, Identity right) => left.Value <= right.Value;

    public static bool operator >=(Identity left, Identity right) => left.Value >= right.Value;

    /// <summary>"reserved:host" or the number.</summary>
    public override string ToString() => ReservedName is { } name ? "reserved:" + name : Value.ToString();
}
