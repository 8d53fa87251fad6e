// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Bpf;
using Weir.Linux.Netlink;
using Weir.Net;
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests;

/// <summary>What another program on the host can do to the programs at an endpoint's link, under the traffic of a
/// container that is denied everything: each is seen, and attaching again mends it.</summary>
public sealed class AttachmentTests : IDisposable
{
    private const ushort Id = 7;
    private const string Link = "weir0";
    private static readonly byte[] _mac = [2, 0, 0, 0, 0, 2];
    private static readonly byte[] _gatewayMac = [2, 0, 0, 0, 0, 1];
    private readonly TestPins _pins = new();
    private readonly TestNamespace _host = new();
    private readonly TestNamespace _container = new();
    private readonly TestCgroup _cgroup = new();
    private readonly EndpointAttachment _endpoint;
    private int _before;

    public AttachmentTests()
    {
        int ifindex = 0;
        _host.Run(() =>
        {
            using var links = new RtnetlinkSocket();
            ifindex = links.CreateVeth(Link, "e0", _gatewayMac, _mac, 1500);
            links.MoveLink(links.GetLink("e0")!.Index, _container.Descriptor);
        });
        Shell(_host, $"ip link set lo up; ip address add 10.210.0.1/32 dev {Link}; ip route add 10.210.0.7 dev {Link}");
        Shell(_container, "ip link set lo up; ip link set e0 up; ip address add 10.210.0.7/24 dev e0; ip neigh add 10.210.0.1 lladdr 02:00:00:00:00:01 dev e0 nud permanent");
        _endpoint = new EndpointAttachment
        {
            Id = Id,
            Identity = Identity.Init,
            NetworkId = 3,
            Ifindex = ifindex,
            Ipv4 = IPAddress.Parse("10.210.0.7"),
            Gateway4 = IPAddress.Parse("10.210.0.1"),
            Mac = _mac,
            GatewayMac = _gatewayMac,
        };
    }

    public void Dispose()
    {
        _cgroup.Dispose();
        _pins.Dispose();
        _container.Dispose();
        _host.Dispose();
    }

    [PrivilegedTheory]
    [InlineData("tc qdisc del dev weir0 clsact")]
    [InlineData("tc filter del dev weir0 ingress pref 1")]
    [InlineData("tc filter replace dev weir0 ingress pref 1 handle 1 bpf da obj OK.o sec tc")]
    [InlineData("tc filter add dev weir0 ingress pref 1 handle 2 bpf da obj OK.o sec tc")]
    [InlineData("tc qdisc del dev weir0 clsact; tc qdisc add dev weir0 clsact; tc filter add dev weir0 ingress bpf da obj OK.o sec tc")]
    public void Filter_TakenAway_IsSeenAndMended(string how) => MustMend(Options(tcx: false), () => Shell(_host, how.Replace("OK.o", ForeignProgram.Path, StringComparison.Ordinal)));

    [PrivilegedTheory]
    [InlineData("_in")]
    [InlineData("_out")]
    public void Link_DetachedByForce_IsSeenAndMended(string which) => MustMend(
        Options(tcx: true), () => BpfLink.Detach(Path.Combine(_pins.Root, $"link_ep_{Id}{which}")), passes: which == "_in");

    [PrivilegedFact]
    public void Link_AnotherThatEndsTheChainIsPutBefore_IsSeenAndMended()
    {
        using BpfObject other = BpfObject.Open(File.ReadAllBytes(ForeignProgram.Path), "other");
        other.Load();
        MustMend(Options(tcx: true), () => TcxLink.Attach(other.Program(ForeignProgram.Name), _endpoint.Ifindex, ingress: true, Path.Combine(_pins.Root, "other")).Dispose());
    }

    [PrivilegedFact]
    public void AttachedAtOnce_AwaitsLinks_AndSeesWhoComesBefore() => _host.Run(() =>
    {
        using Datapath datapath = Datapath.Open(Options(tcx: true));
        datapath.AttachEndpoint(_endpoint, atOnce: true);
        Assert.True(datapath.AwaitsLinks(Id));
        Assert.True(datapath.IsEndpointWhole(Id, _endpoint.Ifindex));
        Assert.Equal(0, Received());

        using BpfObject other = BpfObject.Open(File.ReadAllBytes(ForeignProgram.Path), "other");
        other.Load();
        TcxLink.Attach(other.Program(ForeignProgram.Name), _endpoint.Ifindex, ingress: true, Path.Combine(_pins.Root, "other")).Dispose();
        Assert.False(datapath.IsEndpointWhole(Id, _endpoint.Ifindex));
        Assert.True(Received() > 0);
        datapath.AttachEndpoint(_endpoint);

        Assert.False(datapath.AwaitsLinks(Id));
        Assert.True(datapath.IsEndpointWhole(Id, _endpoint.Ifindex));
        Assert.Equal(0, Received());
    });

    /// <summary>Verifying them again would be most of the CPU time that links take.</summary>
    [PrivilegedFact]
    public void AttachedAtOnce_GetsLinksWithTheProgramsThatItHas() => _host.Run(() =>
    {
        using var links = new RtnetlinkSocket();
        using Datapath datapath = Datapath.Open(Options(tcx: true));
        uint Filter() => Assert.Single(links.ListBpfFilters(_endpoint.Ifindex, ingress: true)).ProgramId;
        uint Linked()
        {
            using PinnedLink link = PinnedLink.Open(Path.Combine(_pins.Root, $"link_ep_{Id}_in"))!;
            return link.Program;
        }

        datapath.AttachEndpoint(_endpoint, atOnce: true);
        uint program = Filter();
        datapath.AttachEndpoint(_endpoint);
        Assert.Equal(program, Linked());

        // Other constants: others.
        datapath.AttachEndpoint(_endpoint, atOnce: true);
        program = Filter();
        datapath.AttachEndpoint(_endpoint with { Ipv4 = System.Net.IPAddress.Parse("10.210.0.99") });
        Assert.NotEqual(program, Linked());
        Assert.True(datapath.IsEndpointWhole(Id, _endpoint.Ifindex));
    });

    [PrivilegedFact]
    public void Link_DisciplineOfOthersInClsactsPlace_DoesNotMatter() => _host.Run(() =>
    {
        Shell(_host, $"tc qdisc add dev {Link} ingress");
        using Datapath datapath = Datapath.Open(Options(tcx: true));
        datapath.AttachEndpoint(_endpoint);

        Assert.True(datapath.IsEndpointWhole(Id, _endpoint.Ifindex));
        Assert.Equal(0, Received());
    });

    [PrivilegedFact]
    public void Filter_DisciplineOfOthersInClsactsPlace_IsRefusedByName() => _host.Run(() =>
    {
        Shell(_host, $"tc qdisc add dev {Link} ingress");
        using Datapath datapath = Datapath.Open(Options(tcx: false));

        var e = Assert.Throws<Weir.Linux.LinuxException>(() => datapath.AttachDevice(Link, _endpoint.Ifindex));

        Assert.Contains("taken by a queueing discipline \"ingress\"", e.Message, StringComparison.Ordinal);
    });

    [PrivilegedFact]
    public void Pins_Removed_ArePutBack_AndNothingPassesMeanwhile() => _host.Run(() =>
    {
        using Datapath datapath = Datapath.Open(Options(tcx: true));
        datapath.AttachEndpoint(_endpoint);
        datapath.SetJudgesHttp(true);
        string[] before = Directory.GetFiles(_pins.Root);
        Directory.Delete(_pins.Root, recursive: true);

        Assert.Equal(before.Order(), datapath.UnpinnedPaths().Order());
        Assert.Equal(0, Received());
        datapath.PinAgain();

        Assert.Equal(before.Order(), Directory.GetFiles(_pins.Root).Order());
        Assert.True(datapath.IsEndpointWhole(Id, _endpoint.Ifindex));
    });

    [PrivilegedFact]
    public void FiltersOfAnOlderAgent_BecomeLinks_WithoutAGap() => _host.Run(() =>
    {
        using (Datapath older = Datapath.Open(Options(tcx: false)))
        {
            older.AttachEndpoint(_endpoint);
        }

        using Task<int> flood = Task.Run(Flood);
        using (Datapath newer = Datapath.Open(Options(tcx: true)))
        {
            Assert.False(newer.IsEndpointWhole(Id, _endpoint.Ifindex));
            newer.AttachEndpoint(_endpoint);
        }

        Assert.Equal(0, flood.GetAwaiter().GetResult());
        Assert.DoesNotContain("weir_", string.Join(' ', Shell(_host, $"tc filter show dev {Link} ingress; tc filter show dev {Link} egress")), StringComparison.Ordinal);

        // What is attached outlives its agent; the next one takes it up.
        using Datapath next = Datapath.Open(Options(tcx: true));
        Assert.True(next.IsEndpointWhole(Id, _endpoint.Ifindex));
    });

    [PrivilegedFact]
    public void DetachDevice_LeavesOtherPeoplesFilters() => _host.Run(() =>
    {
        using Datapath datapath = Datapath.Open(Options(tcx: false));
        datapath.AttachDevice(Link, _endpoint.Ifindex);
        Shell(_host, $"tc filter add dev {Link} ingress pref 50 handle 1 bpf da obj {ForeignProgram.Path} sec tc; tc filter add dev {Link} ingress pref 60 handle 1 bpf da obj {ForeignProgram.Path} sec tc");
        Assert.Contains("weir_from_dev", Filters(), StringComparison.Ordinal);

        datapath.DetachDevice(Link);

        Assert.Contains("pref 50 bpf", Filters(), StringComparison.Ordinal);
        Assert.Contains("pref 60 bpf", Filters(), StringComparison.Ordinal);
        Assert.DoesNotContain("weir_from_dev", Filters(), StringComparison.Ordinal);
    });

    [PrivilegedFact]
    public void AttachEndpoint_FromAnotherNamespace_IsRefused()
    {
        using Datapath datapath = _host.Run(() => Datapath.Open(Options(tcx: true)));

        Assert.Throws<DatapathException>(() => datapath.AttachEndpoint(_endpoint));
    }

    private DatapathOptions Options(bool tcx) => new() { PinRoot = _pins.Root, MaxFlows = 1024, EventBytes = 65536, Tcx = tcx };

    /// <param name="passes">Whether denied packets pass while it is not mended.</param>
    private void MustMend(DatapathOptions options, Action takeAway, bool passes = true) => _host.Run(() =>
    {
        using Datapath datapath = Datapath.Open(options);
        datapath.AttachEndpoint(_endpoint);
        Assert.True(datapath.IsEndpointWhole(Id, _endpoint.Ifindex));
        Assert.Equal(0, Received());

        takeAway();

        Assert.False(datapath.IsEndpointWhole(Id, _endpoint.Ifindex));
        Assert.Equal(passes, Received() > 0);
        datapath.AttachEndpoint(_endpoint);
        Assert.True(datapath.IsEndpointWhole(Id, _endpoint.Ifindex));
        Assert.Equal(0, Received());
    });

    /// <summary>How many of a few packets of the container reach the host.</summary>
    private int Received() => Count("for i in range(5): s.sendto(b'x', ('10.210.0.1', 4000))");

    /// <summary>The same for half a second at full rate.</summary>
    private int Flood() => Count("end = time.time() + 0.5\nwhile time.time() < end: s.sendto(b'x', ('10.210.0.1', 4000))");

    private int Count(string send)
    {
        Shell(_container, $"""python3 -c "import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); exec('''{send.Replace("\n", "\\n", StringComparison.Ordinal)}''')" """);
        string[] counters = Shell(_host, "grep ^Udp: /proc/net/snmp");
        int received = int.Parse(counters[1].Split(' ')[2]); // NoPorts: nobody listens
        int since = received - _before;
        _before = received;
        return since;
    }

    private string Filters() => string.Join('\n', Shell(_host, $"tc filter show dev {Link} ingress"));

    private string[] Shell(TestNamespace place, string script) => _cgroup.Run(place, "sh", "-c", script);
}
