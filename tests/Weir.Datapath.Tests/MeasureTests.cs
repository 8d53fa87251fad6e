// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Datapath.Abi;
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests;

/// <summary>What is measured of real connections between namespaces.</summary>
public sealed class MeasureTests : IDisposable
{
    private const string Echo = """
        for a in sys.argv[1:] or ['10.210.0.8', 'fd77::8']:
            def serve(l):
                while True:
                    c, _ = l.accept()
                    def one(c):
                        while True:
                            part = c.recv(65536)
                            if not part: break
                            c.sendall(part)
                        c.close()
                    threading.Thread(target=one, args=(c,), daemon=True).start()
            threading.Thread(target=serve, args=(listen(a, 80),)).start()
        """;

    private readonly MeasureHost _host = new();

    public void Dispose() => _host.Dispose();

    [PrivilegedTheory]
    [InlineData("10.210.0.8", "10.210.0.7")]
    [InlineData("fd77::8", "fd77::7")]
    [InlineData("::ffff:10.210.0.8", "10.210.0.7")]
    public void BetweenTwoContainers_TheOpenersSocketTells_Once(string server, string client)
    {
        _host.Serve(_host.Api, Echo);

        _host.Python(_host.Web, $"s = connect('{server}', 80); s.sendall(b'x' * 100000); whole(s, 100000); s.shutdown(1); until_closed(s)");

        TcpEvent e = Assert.Single(_host.Ended(1));
        Assert.Equal((ushort)7, e.Flow.EndpointId);
        Assert.Equal(IPAddress.Parse(client), e.Flow.Src.ToIPAddress());
        Assert.Equal(IPAddress.Parse(server).IsIPv4MappedToIPv6 ? IPAddress.Parse(server).MapToIPv4() : IPAddress.Parse(server), e.Flow.Dst.ToIPAddress());
        Assert.Equal(80, e.Flow.Dport.Value);
        Assert.Equal((263u, 264u, (ushort)7, (ushort)8), (e.Flow.SrcIdentity, e.Flow.DstIdentity, e.Flow.SrcEndpoint, e.Flow.DstEndpoint));
        Assert.Equal(server.StartsWith("fd", StringComparison.Ordinal) ? 0x86dd : 0x0800, e.Flow.EtherType.Value);
        Assert.Equal((100000UL, 100000UL), (e.Sent, e.Received));
        Assert.Equal(TcpEnd.Fin, e.End);
        Assert.InRange(e.HandshakeUs, 1u, 1_000_000u);
        Assert.InRange(e.RttUs, 1u, 1_000_000u);
        Assert.Equal(Verdict.Allow, e.Flow.Verdict);
        Assert.Empty(_host.Datapath.ReadConnections());
    }

    [PrivilegedFact]
    public void FromOutside_TheContainersSocketTells_AndTheOpenerIsTheOther()
    {
        _host.Serve(_host.Api, Echo);

        _host.Python(_host.Outside, "s = connect('10.210.0.8', 80); s.sendall(b'x' * 3000); whole(s, 3000); s.close()");
        _host.Python(_host.Outside, "s = connect('10.210.0.8', 80); s.sendall(b'x'); whole(s, 1); reset(s)");

        List<TcpEvent> ended = _host.Ended(2);
        Assert.Equal([TcpEnd.Fin, TcpEnd.ResetByOpener], ended.Select(e => e.End));
        Assert.All(ended, e => Assert.Equal((IPAddress.Parse("192.0.2.9"), IPAddress.Parse("10.210.0.8"), (ushort)8), (e.Flow.Src.ToIPAddress(), e.Flow.Dst.ToIPAddress(), e.Flow.EndpointId)));
        Assert.Equal((3000UL, 3000UL), (ended[0].Sent, ended[0].Received));
        Assert.All(ended, e => Assert.NotEqual(0u, e.HandshakeUs));
    }

    [PrivilegedFact]
    public void Ends_AreToldApart()
    {
        _host.Serve(_host.Api, "l = listen('10.210.0.8', 80)\nwhile True:\n  c, _ = l.accept(); c.recv(9); reset(c)");

        _host.Python(_host.Web, """
            s = connect('10.210.0.8', 80); s.sendall(b'x')
            try: s.recv(9)
            except ConnectionResetError: print('reset')
            s.close()
            s = connect('10.210.0.8', 80); reset(s)
            try: connect('10.210.0.8', 81)
            except ConnectionRefusedError: print('refused')
            """);
        Assert.Equal([TcpEnd.ResetByOther, TcpEnd.ResetByOpener, TcpEnd.Refused], _host.Ended(3).Select(e => e.End));

        // Nobody answers: the container's packets get no further than the host.
        _host.Shell(_host.Host, "ip route add blackhole 198.51.100.0/24");
        _host.Python(_host.Web, """
            s = socket.socket(); s.settimeout(0.2)
            try: s.connect(('198.51.100.1', 80))
            except TimeoutError: print('nothing')
            s.close()
            """);
        TcpEvent silent = Assert.Single(_host.Ended(1));
        Assert.Equal((TcpEnd.Abandoned, 0u), (silent.End, silent.HandshakeUs));
    }

    [PrivilegedFact]
    public void LostPackets_AreSeenAsRetransmissions()
    {
        _host.Serve(_host.Api, Echo);
        // The host's end of the server's link loses every seventh packet, behind weir's programs.
        _host.Shell(_host.Api, "nft add table netdev loss; nft 'add chain netdev loss in { type filter hook ingress device e0 priority 0; }'; nft add rule netdev loss in meta length gt 500 numgen inc mod 7 0 drop");

        _host.Python(_host.Web, "s = connect('10.210.0.8', 80)\nfor i in range(100): s.sendall(b'x' * 1400); whole(s, 1400)\ns.shutdown(1); until_closed(s)");

        TcpEvent e = Assert.Single(_host.Ended(1));
        Assert.InRange(e.Retransmits, 5u, 60u);
        Assert.InRange(e.Segments, 100u + e.Retransmits, 300u);
        Assert.Equal((140000UL, 140000UL), (e.Sent, e.Received));
    }

    [PrivilegedFact]
    public void LivingConnections_AreRead_AlsoByTheNextAgent()
    {
        _host.Serve(_host.Api, Echo);
        _host.Serve(_host.Web, "s = [connect('10.210.0.8', 80) for i in range(300)]\nfor c in s: c.sendall(b'x' * 1000); whole(c, 1000)\nlisten('10.210.0.7', 80)\ntime.sleep(3600)", "10.210.0.7");

        Check(_host.Datapath.ReadConnections());
        _host.Reopen();
        Assert.Empty(_host.Datapath.ReadConnections());
        _host.SetMeasuring(true);
        Check(_host.Datapath.ReadConnections());

        static void Check(IReadOnlyList<TcpEvent> living)
        {
            Assert.Equal(300, living.Count);
            Assert.Equal(300, living.Select(e => e.Cookie).Distinct().Count());
            Assert.All(living, e => Assert.Equal((1000UL, 1000UL, TcpEnd.None, (ushort)7, (ushort)80), (e.Sent, e.Received, e.End, e.Flow.EndpointId, e.Flow.Dport.Value)));
        }
    }

    [PrivilegedFact]
    public void ManyAtOnce_AreAllTold_OrCounted()
    {
        _host.Serve(_host.Api, Echo);

        _host.Python(_host.Web, """
            def some():
                for i in range(100): s = connect('10.210.0.8', 80); s.sendall(b'x' * 10); whole(s, 10); s.close()
            t = [threading.Thread(target=some) for i in range(10)]
            for x in t: x.start()
            for x in t: x.join()
            """);

        List<TcpEvent> ended = _host.Ended(1000);
        Assert.Equal(1000UL, (ulong)ended.Count + _host.Datapath.LostEvents);
        Assert.True(ended.Count > 900);
        Assert.All(ended, e => Assert.Equal((10UL, 10UL, TcpEnd.Fin), (e.Sent, e.Received, e.End)));
    }

    [PrivilegedFact]
    public void OthersAreNotMeasured()
    {
        _host.Serve(_host.Api, Echo);
        string ask = "s = connect('{0}', 80); s.sendall(b'x'); whole(s, 1); s.close()";

        // Of the host, past every link; within a container; between addresses that somebody took inside of his own namespace.
        _host.Python(_host.Host, "l = listen('127.0.0.1', 80); s = connect('127.0.0.1', 80); s.close()");
        _host.Python(_host.Api, string.Format(null, ask, "10.210.0.8"));
        _host.Python(_host.Web, "import subprocess; subprocess.run('ip address add 10.210.0.8/32 dev lo', shell=True); l = listen('10.210.0.8', 80); s = connect('10.210.0.8', 80); s.close()");
        _host.Shell(_host.Web, "ip address del 10.210.0.8/32 dev lo");
        Assert.Empty(_host.Ended(0));

        // A namespace that is no container of weir's; and nothing at all when it is off.
        _host.KnowNamespaces(web: false, api: true);
        _host.Python(_host.Web, string.Format(null, ask, "10.210.0.8"));
        Assert.Empty(_host.Ended(0));
        _host.KnowNamespaces(web: true, api: true);
        _host.SetMeasuring(false);
        Assert.False(_host.Datapath.IsMeasuring);
        Assert.DoesNotContain(Directory.GetFiles(_host.PinRoot), pin => pin.Contains("measure", StringComparison.Ordinal) || pin.EndsWith("weir_tcp", StringComparison.Ordinal));
        _host.Python(_host.Web, string.Format(null, ask, "10.210.0.8"));
        Assert.Empty(_host.Ended(0));
        _host.SetMeasuring(true);
        Assert.True(_host.Datapath.IsMeasuring);
        _host.Python(_host.Web, string.Format(null, ask, "10.210.0.8"));
        Assert.Single(_host.Ended(1));
    }
}
