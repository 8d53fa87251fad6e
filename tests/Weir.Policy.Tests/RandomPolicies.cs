// SPDX-License-Identifier: Apache-2.0
using Weir.Http.Rules;
using Weir.Net;

namespace Weir.Policy.Tests;

/// <summary>Random rules over few labels, prefixes and ports, so that they meet often.</summary>
internal sealed class RandomPolicies(int seed)
{
    private static readonly string[] _keys = ["app", "role", "zone"];
    private static readonly string[] _values = ["a", "b", "c"];
    private static readonly ushort[] _ports = [0, 1, 53, 79, 80, 81, 443, 1023, 1024, 8080, 32768, 65534, 65535];
    private static readonly string[] _portNames = ["web", "dns", "gone"];

    private static readonly IpPrefix[] _prefixes =
    [
        .. "0.0.0.0/0 10.0.0.0/8 10.1.0.0/16 10.1.2.0/24 10.1.2.3/32 192.168.0.0/16 ::/0 fd00::/8 fd00:1::/32 2001:db8::/32"
            .Split(' ').Select(IpPrefix.Parse),
    ];

    private readonly Random _random = new(seed);

    public PolicySet Set(int rules) => PolicySet.Empty.With([Document("random", rules)]);

    public PolicyDocument Document(string name, int rules) =>
        new(name, "CiliumRules", [.. Enumerable.Range(0, rules).Select(i => Rule($"{name}[{i}]"))], "random", $"{name} {_random.Next()}", 1);

    /// <summary>A rule with entries only of the kind that is asked for.</summary>
    public Rule Rule(string name, bool? isDeny = null, bool? defaultDeny = null, bool? isAudit = null)
    {
        var entries = Enumerable.Range(0, _random.Next(1, 4)).Select(_ => Entry(isDeny ?? _random.Next(3) == 0)).ToList();
        return new Rule
        {
            Name = name,
            Location = new SourceLocation("random", 1, 1),
            Subject = Selector(),
            Entries = entries,
            IsAudit = isAudit ?? _random.Next(5) == 0,
            DefaultDenyIngress = defaultDeny ?? (_random.Next(5) > 0 && entries.Exists(entry => entry.Direction == PolicyDirection.Ingress)),
            DefaultDenyEgress = defaultDeny ?? (_random.Next(5) > 0 && entries.Exists(entry => entry.Direction == PolicyDirection.Egress)),
        };
    }

    public List<PolicyPeer> Peers()
    {
        var peers = Identity.Reserved.Select(PolicyPeer.ForReserved).ToList();
        uint number = 0;
        peers.AddRange(_prefixes.Where(prefix => prefix.Length > 0).Select(prefix => PolicyPeer.ForCidr(Identity.ForCidr(++number), prefix)));
        var identity = Identity.FirstAllocated;
        foreach (var app in _values)
        {
            foreach (var role in _values)
            {
                var labels = new List<Label> { new("container", "app", app), new("container", "role", role) };
                if (_random.Next(2) == 0)
                {
                    labels.Add(new Label(_random.Next(2) == 0 ? "container" : "k8s", "zone", Pick(_values)));
                }

                peers.Add(new PolicyPeer(new Identity(identity++), new LabelSet(labels), NamedPorts()));
            }
        }

        return peers;
    }

    public (IpProtocol Protocol, ushort Port) Packet()
    {
        IpProtocol[] protocols = [IpProtocol.Tcp, IpProtocol.Udp, IpProtocol.Sctp, IpProtocol.Icmp, IpProtocol.Icmpv6, IpProtocol.Gre, (IpProtocol)50];
        var protocol = Pick(protocols);
        var near = Pick(_ports) + _random.Next(-1, 2);
        ushort port = protocol switch
        {
            IpProtocol.Icmp => Pick<ushort>([0x0800, 0x0801, 0x0304, 0x0303, 0x0305, 0x0000, 0xffff]),
            IpProtocol.Icmpv6 => Pick<ushort>([0x8000, 0x0200, 0x02ff, 0x01ff, 0x0300, 0x8700]),
            IpProtocol.Tcp or IpProtocol.Udp or IpProtocol.Sctp => (ushort)(_random.Next(4) == 0 ? _random.Next(65536) : near),
            _ => 0,
        };
        return (protocol, port);
    }

    public T Pick<T>(IReadOnlyList<T> list) => list[_random.Next(list.Count)];

    private Dictionary<string, NamedPort>? NamedPorts() => _random.Next(3) == 0 ? null : new()
    {
        ["web"] = new NamedPort(Pick(_ports), IpProtocol.Tcp),
        ["dns"] = new NamedPort(53, Pick<IpProtocol>([IpProtocol.Tcp, IpProtocol.Udp])),
    };

    private RuleEntry Entry(bool isDeny)
    {
        var peers = _random.Next(4) == 0 ? null : Enumerable.Range(0, _random.Next(0, 4)).Select(_ => Peer()).ToList();
        var ports = _random.Next(3) == 0 ? null : Enumerable.Range(0, _random.Next(1, 5)).Select(_ => Port()).ToList();
        var http = isDeny || ports is null || _random.Next(3) > 0 ? null : Http();
        return new RuleEntry(
            (PolicyDirection)_random.Next(2), isDeny, peers, http is null ? ports : [.. ports!.Where(port => port.Protocol == IpProtocol.Tcp)], new SourceLocation("random", 1, 1), http);
    }

    private List<HttpEntry> Http()
    {
        string?[] paths = [null, "/a", "/b"];
        return [.. Enumerable.Range(0, _random.Next(1, 3)).Select(_ => new HttpEntry(new HttpRule(null, Pick(paths), null, []), new SourceLocation("random", 1, 1)))];
    }

    private PeerSelector Peer()
    {
        switch (_random.Next(3))
        {
            case 0:
                return new PeerSelector.ByEntity(Pick(Enum.GetValues<Entity>()));
            case 1:
                var prefix = Pick(_prefixes);
                return new PeerSelector.ByCidr(prefix, [.. _prefixes.Where(inner => inner.Length > prefix.Length && prefix.Contains(inner) && _random.Next(3) == 0)]);
            default:
                return new PeerSelector.ByLabels(Selector());
        }
    }

    private EndpointSelector Selector()
    {
        var scope = (SelectorScope)_random.Next(2);
        return new EndpointSelector(scope, [.. Enumerable.Range(0, _random.Next(0, 3)).Select(_ => Requirement())]);
    }

    private SelectorRequirement Requirement()
    {
        var comparison = (SelectorOperator)_random.Next(4);
        var source = Pick(["any", "any", "container", "k8s"]);
        string[] values = comparison is SelectorOperator.In or SelectorOperator.NotIn ? [Pick(_values), Pick(_values)] : [];
        return new SelectorRequirement(source, Pick(_keys), comparison, values);
    }

    private PortSelector Port()
    {
        IpProtocol[] withPorts = [IpProtocol.Tcp, IpProtocol.Udp, IpProtocol.Sctp];
        switch (_random.Next(6))
        {
            case 0:
                var protocol = Pick<IpProtocol>([IpProtocol.Icmp, IpProtocol.Icmpv6]);
                var type = Pick<int>([0, 2, 3, 8, 128, 255]);
                return new PortSelector(protocol, (ushort)(type << 8), (ushort)((type << 8) | 0xff));
            case 1:
                return new PortSelector(_random.Next(2) == 0 ? null : Pick(withPorts), 0, 0, Pick(_portNames));
            case 2:
                return PortSelector.AllOf(Pick(withPorts));
            default:
                var (a, b) = (Pick(_ports), Pick(_ports));
                return new PortSelector(Pick(withPorts), Math.Min(a, b), _random.Next(2) == 0 ? Math.Min(a, b) : Math.Max(a, b));
        }
    }
}
