// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Net;
using Weir.Datapath.Abi;
using Weir.Net;
using Weir.Policy;
using Weir.Testing;
using Xunit;
using Xunit.Abstractions;

namespace Weir.Kernel.Tests;

/// <summary>Random policies and random packets: what the pure engine answers is what the real program
/// does. The seed is printed; WEIR_TEST_SEED repeats a run.</summary>
public sealed class PolicyTruthTableTests(ITestOutputHelper output)
{
    private const int Policies = 60;
    private const int PacketsAPolicy = 60;
    private const byte Icmp = 1;
    private const byte Icmpv6 = 58;
    private const byte Gre = 47;

    private static readonly (uint Id, string[] Labels, string V4, string V6)[] _endpoints =
    [
        (1, ["container:role=web", "container:env=test"], "10.11.0.2", "fd00:11::2"),
        (2, ["container:role=api", "container:env=test"], "10.11.0.3", "fd00:11::3"),
        (3, ["container:role=db", "container:env=live"], "10.11.0.4", "fd00:11::4"),
        (4, ["container:app=blog"], "10.11.0.5", "fd00:11::5"),
    ];

    private static readonly string[] _prefixes =
        ["203.0.113.0/24", "203.0.113.128/25", "203.0.113.200/32", "198.51.100.0/24", "2001:db8::/32", "2001:db8:1::/48"];

    private static readonly string[] _outside =
        ["203.0.113.1", "203.0.113.129", "203.0.113.200", "198.51.100.7", "192.0.2.99", "2001:db8::1", "2001:db8:1::1", "2001:db9::1"];

    private static readonly byte[] _protocols = [6, 6, 6, 17, 17, 132, Icmp, Gre];
    private static readonly ushort[] _ports = [1, 79, 80, 81, 443, 1023, 1024, 8080, 65535];

    [Fact]
    public void RandomPolicies_EngineAndProgramAgree()
    {
        int seed = int.TryParse(Environment.GetEnvironmentVariable("WEIR_TEST_SEED"), out int given) ? given : Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        Random random = new(seed);
        using ProgramHarness harness = new(flows: 131_072);
        Dictionary<uint, PolicyPeer> subjects = [];
        foreach ((uint id, string[] labels, string v4, string v6) in _endpoints)
        {
            harness.AddEndpoint(id, 255 + id, v4, v6);
            subjects[id] = new PolicyPeer(new Identity(255 + id), LabelSet.Parse(labels), null);
        }

        List<PolicyPeer> cidrs = [];
        for (int i = 0; i < _prefixes.Length; i++)
        {
            Identity identity = new(0x0100_0001u + (uint)i);
            cidrs.Add(PolicyPeer.ForCidr(identity, IpPrefix.Parse(_prefixes[i])));
            harness.SetIpcache(_prefixes[i], identity.Value);
        }

        int allowed = 0;
        int cases = 0;
        ushort sourcePort = 1024;
        for (int round = 0; round < Policies; round++)
        {
            RandomPolicy text = new(random);
            PolicyReadResult read = PolicyReader.Read("random.json", text.ToString());
            Assert.False(read.HasErrors, $"seed {seed}: {string.Join("; ", read.Problems)}\n{text}");
            PolicyEngine engine = new(PolicySet.Empty.With(read.Documents), (EnforcementMode)random.Next(3));
            PolicyPeer[] peers = [.. subjects.Values, .. cidrs];
            foreach ((uint id, PolicyPeer subject) in subjects)
            {
                harness.SetPolicy(id, engine.Compile(subject, peers));
            }

            for (int packet = 0; packet < PacketsAPolicy; packet++, cases++)
            {
                sourcePort = sourcePort == ushort.MaxValue ? (ushort)1024 : (ushort)(sourcePort + 1);
                bool agreed = Judge(harness, engine, subjects, cidrs, random, sourcePort, out bool pass, out string what);
                Assert.True(agreed, $"seed {seed}, policy {round}, packet {packet}, mode {engine.Mode}: {what}\n{text}");
                allowed += pass ? 1 : 0;
            }
        }

        output.WriteLine($"{cases} cases, {allowed} allowed");

        // A run in which everything or nothing passes proves little.
        Assert.InRange(allowed, cases / 20, cases * 19 / 20);
    }

    private static bool Judge(
        ProgramHarness harness, PolicyEngine engine, Dictionary<uint, PolicyPeer> subjects, List<PolicyPeer> cidrs,
        Random random, ushort sourcePort, out bool pass, out string what)
    {
        bool v6 = random.Next(3) == 0;
        byte protocol = _protocols[random.Next(_protocols.Length)];
        protocol = protocol == Icmp && v6 ? Icmpv6 : protocol;
        bool isIcmp = protocol is Icmp or Icmpv6;
        byte type = v6 ? (byte)128 : random.Next(2) == 0 ? (byte)8 : (byte)13;
        ushort port = _ports[random.Next(_ports.Length)];
        var from = _endpoints[random.Next(_endpoints.Length)];
        var to = _endpoints[random.Next(_endpoints.Length)];
        string[] outsides = [.. _outside.Where(o => o.Contains(':', StringComparison.Ordinal) == v6)];
        string outside = outsides[random.Next(outsides.Length)];
        int kind = random.Next(4); // 0, 1: between endpoints; 2: to the outside; 3: from it
        if (from.Id == to.Id)
        {
            kind = 2;
        }

        Frame frame = new()
        {
            Source = kind == 3 ? outside : v6 ? from.V6 : from.V4,
            Destination = kind == 2 ? outside : v6 ? to.V6 : to.V4,
            Protocol = protocol,
            SourcePort = sourcePort,
            DestinationPort = port,
            IcmpType = type,
        };
        PolicyPeer source = kind == 3 ? OutsidePeer(outside, cidrs) : subjects[from.Id];
        PolicyPeer destination = kind == 2 ? OutsidePeer(outside, cidrs) : subjects[to.Id];
        ushort policyPort = isIcmp ? (ushort)(type << 8) : protocol == Gre ? (ushort)0 : port;
        Decision egress = kind == 3 ? new Decision(true, false, false, 0)
            : engine.Decide(source, destination, PolicyDirection.Egress, (IpProtocol)protocol, policyPort);
        Decision ingress = kind == 2 ? new Decision(true, false, false, 0)
            : engine.Decide(destination, source, PolicyDirection.Ingress, (IpProtocol)protocol, policyPort);
        pass = egress.Allowed && ingress.Allowed;
        DropReason expected = pass ? DropReason.None
            : (egress.Allowed ? ingress : egress).ByDenyRule ? DropReason.PolicyDenyRule : DropReason.PolicyDenied;
        if (pass && (egress.Http is { IsAudit: false } || ingress.Http is { IsAudit: false }))
        {
            expected = DropReason.ProxyUnavailable; // none runs here
        }

        DropReason audited = !pass || (egress.Audited ?? ingress.Audited) is not { } refusal ? DropReason.None
            : refusal.ByDenyRule ? DropReason.PolicyDenyRule : DropReason.PolicyDenied;
        if (protocol == Gre)
        {
            // Without ports, any packet between the two would belong to the flow of an earlier one.
            harness.ClearConntrack();
        }

        Outcome outcome = kind == 3 ? harness.ToContainer(to.Id, frame) : harness.FromContainer(from.Id, frame);
        what = string.Create(CultureInfo.InvariantCulture, $"{frame.Source} → {frame.Destination} protocol {protocol} port {policyPort}: engine {expected} (egress {egress}, ingress {ingress}), program {outcome.Reason}, audited {outcome.Audited}");
        return outcome.Reason == expected && outcome.Audited == audited;
    }

    private static PolicyPeer OutsidePeer(string address, List<PolicyPeer> cidrs)
    {
        IPAddress parsed = IPAddress.Parse(address);
        return cidrs.Where(c => c.Cidr!.Contains(parsed)).OrderByDescending(c => c.Cidr!.Length).FirstOrDefault()
            ?? PolicyPeer.ForReserved(address.Contains(':', StringComparison.Ordinal) ? Identity.WorldIpv6 : Identity.WorldIpv4);
    }
}
