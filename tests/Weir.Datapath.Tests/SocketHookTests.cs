// SPDX-License-Identifier: Apache-2.0
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Linux;
using Weir.Linux.Netlink;
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests;

/// <summary>The socket hook with real sockets. The frontends are addresses that no route leads to: whoever gets an
/// answer was translated.</summary>
public sealed class SocketHookTests : IDisposable
{
    private const string Frontend = "192.0.2.10";
    private const string Frontend6 = "2001:db8::10";
    private const string Servers = "for a in ('10.9.0.1', '10.9.0.2', '10.9.0.3', 'fd09::1', 'fd09::2', 'fd09::3'): serve(a)\n";
    private readonly SocketHost _host = new();

    public SocketHookTests()
    {
        for (uint i = 1; i <= 3; i++)
        {
            _host.AddBackend(i, $"10.9.0.{i}");
            _host.AddBackend(10 + i, $"fd09::{i}");
        }

        _host.AddService(1, Frontend, 80, [1]);
        _host.AddService(2, Frontend6, 80, [11]);
        Assert.Equal(new SocketHookResult(8, 0), _host.Attach());
    }

    public void Dispose() => _host.Dispose();

    [PrivilegedTheory]
    [InlineData("TCP", Frontend, "10.9.0.1")]
    [InlineData("TCP", Frontend6, "fd09::1")]
    [InlineData("TCP", "::ffff:" + Frontend, "10.9.0.1")]
    [InlineData("UDP", Frontend, "10.9.0.1")]
    [InlineData("UDP", Frontend6, "fd09::1")]
    [InlineData("UDP", "::ffff:" + Frontend, "10.9.0.1")]
    public void Connect_ToAFrontend_ReachesTheBackend_AndThePeerIsTheFrontend(string kind, string address, string backend)
    {
        string[] output = _host.Python(Servers + $"print(*fetch({kind}, '{address}'))");

        Assert.Equal([$"{backend} {address} 80"], output);
        Assert.Equal(1UL, _host.Connects(address == Frontend6 ? 2u : 1u, kind == "UDP"));
    }

    [PrivilegedTheory]
    [InlineData(Frontend, 1u)]
    [InlineData(Frontend6, 2u)]
    [InlineData("::ffff:" + Frontend, 1u)]
    public void Send_WithoutConnect_KeepsABackend_AndAnswersComeFromTheFrontend(string address, uint service)
    {
        _host.AddService(1, Frontend, 80, [1, 2, 3, 1]);
        _host.AddService(2, Frontend6, 80, [11, 12, 13, 11]);
        string[] output = _host.Python(Servers + $"""
            for i in range(30):
                with new(UDP, '{address}') as s:
                    said = set()
                    for j in range(5):
                        s.sendto(b'x', ('{address}', 80))
                        text, source = s.recvfrom(99)
                        assert source[:2] == ('{address}', 80), source
                        said.add(text.decode())
                    print(*said)
            """);

        Assert.Equal(30, output.Length);
        Assert.Equal(3, output.Distinct().Count());
        Assert.All(output, line => Assert.DoesNotContain(' ', line));
        Assert.Equal(30UL, _host.Connects(service, udp: true));
    }

    /// <summary>A VPN's namespace, or another engine's: there may be no way to the backend, and whoever has the
    /// frontend's address there is asked.</summary>
    [PrivilegedFact]
    public void StrangeNamespace_IsLeftAlone()
    {
        using var stranger = new TestNamespace();
        _host.Cgroup.Run(stranger, "sh", "-c", $"ip link set lo up; ip address add {Frontend}/32 dev lo; ip address add {Frontend6}/128 dev lo nodad");
        string[] output = _host.Python(
            $"""
            for a in '{Frontend}', '{Frontend6}':
                serve(a)
                print(fetch(TCP, a)[0], fetch(UDP, a)[0])
                with new(UDP, a) as s:
                    s.sendto(b'x', (a, 80))
                    print(s.recv(99).decode())
            """,
            stranger);

        Assert.Equal([$"{Frontend} {Frontend}", Frontend, $"{Frontend6} {Frontend6}", Frontend6], output);
        Assert.Equal(0, _host.SocketsKnown);
    }

    [PrivilegedFact]
    public void ContainersNamespace_IsServed_BeforeItIsKnownToo()
    {
        string fetch = Servers + $"print(*fetch(TCP, '{Frontend}'))";
        Assert.Equal([$"10.9.0.1 {Frontend} 80"], _host.Python(fetch, _host.Container));

        _host.KnowContainer(areAll: false, isKnown: false);
        Assert.Equal([$"10.9.0.1 {Frontend} 80"], _host.Python(fetch, _host.Container));

        _host.KnowContainer(areAll: true, isKnown: false);
        Assert.Equal(["ENETUNREACH"], _host.Python($"print(fails(fetch, TCP, '{Frontend}'))", _host.Container));
    }

    [PrivilegedTheory]
    [InlineData(Frontend, "10.9.0.1")]
    [InlineData(Frontend6, "fd09::1")]
    [InlineData("::ffff:" + Frontend, "10.9.0.1")]
    public async Task ConnectedUdpSocket_WhoseBackendIsGone_IsToldSo(string address, string backend)
    {
        string folder = Directory.CreateTempSubdirectory("weir-udp").FullName;
        string ready = Path.Combine(folder, "ready");
        string ended = Path.Combine(folder, "ended");
        string direct = address.StartsWith("::ffff:", StringComparison.Ordinal) ? $"::ffff:{backend}" : backend;
        Task<string[]> owner = Task.Run(() => _host.Python(Servers + $"""
            import os
            with new(UDP, '{address}') as s, new(UDP, '{address}') as other:
                other.connect(('{direct}', 80))
                s.connect(('{address}', 80))
                s.send(b'x')
                s.recv(99)
                open('{ready}', 'w').close()
                while not os.path.exists('{ended}'):
                    time.sleep(0.02)
                print(fails(s.recv, 99))
                s.connect(('{address}', 80))
                s.send(b'x')
                print(s.recv(99).decode())
                other.send(b'x')
                print(other.recv(99).decode())
            """));
        SpinWait.SpinUntil(() => File.Exists(ready) || owner.IsCompleted, TimeSpan.FromSeconds(20));
        IReadOnlyList<SocketRow> taken = _host.Datapath.Sockets.TakeUdp(row => row.Backend.Equals(System.Net.IPAddress.Parse(backend)) && row.Port == 80);
        SocketRow row = Assert.Single(taken);
        Assert.Equal(_host.Host.Run(NetworkNamespace.CurrentCookie), row.Namespace);
        Assert.Empty(_host.Datapath.Sockets.TakeUdp(_ => true));
        Assert.Equal(1, _host.Host.Run(() => UdpSockets.Abort(new HashSet<ulong> { row.Cookie })));
        await File.WriteAllTextAsync(ended, "");

        Assert.Equal(["ECONNABORTED", backend, backend], await owner);
        Directory.Delete(folder, recursive: true);
    }

    [PrivilegedFact]
    public void Connect_NoBackend_IsRefusedAtOnce()
    {
        _host.AddService(3, "192.0.2.11", 80, [0, 0]);
        _host.AddService(4, "192.0.2.12", 80, [11]);
        string[] output = _host.Python("""
            for address in '192.0.2.11', '192.0.2.12':
                print(fails(fetch, TCP, address), fails(fetch, UDP, address), fails(lambda: new(UDP, address).sendto(b'x', (address, 80))))
            """);

        Assert.Equal(Enumerable.Repeat("ECONNREFUSED ECONNREFUSED ECONNREFUSED", 2), output);
    }

    [PrivilegedFact]
    public void Connect_DrainingBackend_TakesAnother_UntilThereIsNone()
    {
        _host.AddService(1, Frontend, 80, [1, 1, 1, 1, 1, 1, 1, 2]);
        _host.AddBackend(1, "10.9.0.1", BackendFlag.NoNew);
        Assert.Equal(["10.9.0.2"], _host.Python(Servers + Many(100)).Distinct());

        _host.AddBackend(2, "10.9.0.2", BackendFlag.NoNew);
        Assert.Equal(["ECONNREFUSED"], _host.Python(Servers + $"print(fails(fetch, TCP, '{Frontend}'))"));
    }

    [PrivilegedFact]
    public void Connect_ManyTimes_SpreadsAsTheSlotsSay()
    {
        _host.AddService(1, Frontend, 80, [1, 2, 1, 1]);
        string[] output = _host.Python(Servers + Many(400));

        // The deviation is 9.
        Assert.InRange(output.Count(line => line == "10.9.0.1"), 250, 350);
        Assert.Equal(["10.9.0.1", "10.9.0.2"], output.Distinct().Order());
        Assert.Equal(400UL, _host.Connects(1, udp: false));
    }

    [PrivilegedFact]
    public void Connect_Affinity_KeepsTheBackendOfANamespace_UntilItDrains()
    {
        _host.AddService(1, Frontend, 80, [1, 2, 3, 2], ServiceFlag.Affinity, affinitySeconds: 60);
        string first = Assert.Single(_host.Python(Servers + Many(30)).Distinct());
        Assert.Equal(1, _host.AffinitiesKnown);
        Assert.Single(_host.Python(Servers + Many(30), _host.Container).Distinct());
        Assert.Equal(2, _host.AffinitiesKnown);

        _host.AddBackend(uint.Parse(first[^1..], System.Globalization.CultureInfo.InvariantCulture), first, BackendFlag.NoNew);

        Assert.NotEqual(first, Assert.Single(_host.Python(Servers + Many(30)).Distinct()));
    }

    [PrivilegedFact]
    public void Connect_HostOnlyFrontend_IsForTheHostsNamespace()
    {
        _host.AddService(5, "127.0.0.1", 8080, [2], ServiceFlag.HostOnly);
        const string Script = Servers + "serve('127.0.0.1', 8080, 'itself')\nprint(*fetch(TCP, '127.0.0.1', 8080))";

        Assert.Equal(["10.9.0.2 127.0.0.1 8080"], _host.Python(Script));
        Assert.Equal(["itself 127.0.0.1 8080"], _host.Python(Script, _host.Container));
        Assert.Equal(["10.9.0.1 192.0.2.10 80"], _host.Python(Servers + $"print(*fetch(TCP, '{Frontend}'))", _host.Container));
    }

    [PrivilegedFact]
    public void Connect_ToItselfThroughItsService_StaysInTheNamespace() => Assert.Equal(
        ["10.9.0.1 from 10.9.0.1"],
        _host.Python($"""
            serve('10.9.0.1')
            s = new(TCP, '{Frontend}')
            s.connect(('{Frontend}', 80))
            print(s.recv(99).decode())
            """));

    [PrivilegedFact]
    public void Connect_NoService_IsUntouched()
    {
        string[] output = _host.Python(Servers + $"""
            for kind in TCP, UDP:
                for address in '10.9.0.1', 'fd09::1', '::ffff:10.9.0.1':
                    print(*fetch(kind, address))
            print(fails(fetch, TCP, '10.9.0.1', 81), fails(fetch, TCP, '{Frontend}', 81))
            """);

        string[] each = ["10.9.0.1 10.9.0.1 80", "fd09::1 fd09::1 80", "10.9.0.1 ::ffff:10.9.0.1 80"];
        Assert.Equal([.. each, .. each, "ECONNREFUSED ENETUNREACH"], output);
        Assert.Equal(0, _host.SocketsKnown);
    }

    [PrivilegedFact]
    public void Connect_ServicesSwitchedOff_IsUntouched()
    {
        _host.SetFlags(0);

        AssertUntranslated();
    }

    [PrivilegedFact]
    public void Hook_OutlivesTheAgent_AndIsReplacedWithoutAGap()
    {
        _host.CloseDatapath();
        Assert.Equal(["10.9.0.1 192.0.2.10 80"], _host.Python(Servers + $"print(*fetch(TCP, '{Frontend}'))"));

        _host.ReopenDatapath();
        Task<string[]> client = Task.Run(() => _host.Python(Servers + Many(2000)));
        int replaced = 0;
        while (!client.IsCompleted)
        {
            Assert.Equal(new SocketHookResult(0, 8), _host.Attach());
            replaced++;
        }

        Assert.Equal(2000, client.GetAwaiter().GetResult().Count(line => line == "10.9.0.1"));
        Assert.True(replaced > 3, $"replaced {replaced} times");
    }

    [PrivilegedFact]
    public void Detach_LeavesNothing()
    {
        Assert.True(_host.Datapath.DetachSocketHook());

        AssertUntranslated();
        Assert.DoesNotContain(Pins(), pin => pin.StartsWith("weir_connect", StringComparison.Ordinal) || pin.StartsWith("weir_getpeer", StringComparison.Ordinal));
        Assert.False(_host.Datapath.DetachSocketHook());
    }

    [PrivilegedFact]
    public void RemoveAll_Detaches()
    {
        Datapath.RemoveAll(_host.PinRoot);

        AssertUntranslated();
    }

    [PrivilegedFact]
    public void Attach_CgroupWasRemoved_AttachesToTheNewOne()
    {
        _host.ReplaceCgroup();

        Assert.Equal(new SocketHookResult(8, 0), _host.Attach());
        Assert.Equal(["10.9.0.1 192.0.2.10 80"], _host.Python(Servers + $"print(*fetch(TCP, '{Frontend}'))"));
    }

    private static string Many(int count) => $"for i in range({count}): print(fetch(TCP, '{Frontend}')[0])";

    private void AssertUntranslated() => Assert.Equal(["ENETUNREACH"], _host.Python(Servers + $"print(fails(fetch, TCP, '{Frontend}'))"));

    private string[] Pins() => [.. Directory.GetFiles(_host.PinRoot).Select(path => Path.GetFileName(path))];
}
