// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Net;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Net;
using Weir.Policy;
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests.Upgrades;

/// <summary>Another version's datapath takes the place of this one's, and this one's of that one's, while its flows are alive.</summary>
public sealed class UpgradeTests : IDisposable
{
    private const string Server = """
        import socket, threading
        t = socket.create_server(('10.210.0.7', 8080), backlog=64)
        def echo(c):
            while data := c.recv(65536):
                c.sendall(data)
        while True:
            threading.Thread(target=echo, args=(t.accept()[0],)).start()
        """;

    /// <summary>Opens so many connections and speaks by each of them again and again, with one more opened each round, until a file
    /// is there; the number of rounds is in another.</summary>
    private const string Client = """
        import os, socket, sys, time
        count, rounds_file, enough = int(sys.argv[1]), sys.argv[2], sys.argv[3]
        def connect():
            s = socket.socket()
            s.settimeout(5)
            s.connect(('192.0.2.1', 80))
            return s
        for attempt in range(100): # until somebody listens
            try:
                connect().close()
                break
            except OSError:
                time.sleep(0.05)
        flows = [connect() for _ in range(count)]
        rounds = 0
        while not os.path.exists(enough):
            fresh = connect()
            for s in flows + [fresh]:
                s.sendall(b'still there')
                assert s.recv(100) == b'still there'
            fresh.close()
            rounds += 1
            with open(rounds_file + '.new', 'w') as f:
                f.write(str(rounds))
            os.rename(rounds_file + '.new', rounds_file)
            time.sleep(0.01)
        print('rounds', rounds)
        """;

    private readonly TrafficHost _host = new("veth");
    private readonly DirectoryInfo _files = Directory.CreateTempSubdirectory("weir-upgrade-");

    public void Dispose()
    {
        _host.Dispose();
        _files.Delete(recursive: true);
    }

    [PrivilegedFact]
    public async Task OtherVersion_AndBack_EveryConnectionGoesOn()
    {
        using var version = VersionImages.WithOtherLayouts();
        _host.Serve(Server);
        Task<string[]> flows = Speak(20);
        Dictionary<(IPEndPoint, IPEndPoint), ulong> before = Flows();
        AwaitRounds(flows, 1);
        before = Flows().Where(before.Contains).ToDictionary(); // without those of one round
        Assert.Equal(20, before.Count);
        IReadOnlyList<PolicyMapEntry> policy = _host.Datapath.ListPolicy(7);
        _host.Datapath.Dispose();

        using (var other = new OtherVersion(_host, version, _host.Options))
        {
            Assert.True(other.Maps.AreReplaced);
            AwaitRounds(flows, 3); // by programs of before, with maps of before
            other.Attach();
            Assert.False(other.Maps.AreReplaced);
            AwaitRounds(flows, 3);
            Assert.NotEqual(40u, other.Maps[MapNames.Ct].Spec.KeySize);
        }

        _host.Reopen(_host.Options);
        Assert.True(_host.Datapath.AreMapsReplaced);
        Assert.Equal(policy, _host.Datapath.ListPolicy(7));
        AwaitRounds(flows, 3);
        _host.Attach();
        _host.EndReplacement();
        AwaitRounds(flows, 3);
        Dictionary<(IPEndPoint, IPEndPoint), ulong> after = Flows();

        // Not one was forgotten and taken up again.
        Assert.All(before, flow => Assert.Equal(flow.Value, after.GetValueOrDefault(flow.Key)));
        await Finish(flows);
        Assert.DoesNotContain(Directory.GetFiles(_host.Options.PinRoot), pin => pin.EndsWith("_before", StringComparison.Ordinal) || pin.EndsWith("_next", StringComparison.Ordinal));
    }

    [PrivilegedFact]
    public void WhatANewerVersionPinned_IsTakenOff_OnceThisOnesProgramsAreThere()
    {
        string map = Path.Combine(_host.Options.PinRoot, "weir_future"), program = Path.Combine(_host.Options.PinRoot, "link_future");
        using (BpfMap future = BpfMap.Create(new BpfMapSpec("weir_future", BpfMapType.Hash, 4, 4, 16)))
        {
            future.Pin(map);
        }

        int loopback = 1;
        _host.Host.Run(() =>
        {
            using DatapathMaps maps = DatapathMaps.Open(_host.Options);
            using HostProgram device = HostProgram.Load(maps, hasEthernet: true, hasXdp: true);
            TcxLink.Attach(device.For("lo", _host.Options.PinRoot).Ingress, loopback, ingress: true, program).Dispose();
            Assert.True(TcxLink.HasAny(loopback, ingress: true));
        });
        string[] own = [.. Directory.GetFiles(_host.Options.PinRoot).Except([map, program]).Order(StringComparer.Ordinal)];

        _host.Reopen(_host.Options);
        Assert.True(File.Exists(map) && File.Exists(program));
        _host.EndReplacement();

        Assert.Equal(own, Directory.GetFiles(_host.Options.PinRoot).Order(StringComparer.Ordinal));
        Assert.False(_host.Host.Run(() => TcxLink.HasAny(loopback, ingress: true)));
    }

    /// <summary>By their ends, those that are alive and who opened them when.</summary>
    private Dictionary<(IPEndPoint, IPEndPoint), ulong> Flows() => _host.Datapath.ListConntrack()
        .Where(row => row.Protocol == IpProtocol.Tcp && row.Flags.HasFlag(CtFlag.Established) && !row.Flags.HasFlag(CtFlag.FinOrigin))
        .ToDictionary(row => (new IPEndPoint(row.Source, row.SourcePort), new IPEndPoint(row.Destination, row.DestinationPort)), row => row.CreatedNs);

    private Task<string[]> Speak(int flows)
    {
        Task<string[]> task = Task.Run(() => _host.Python(_host.Client, Client, flows.ToString(CultureInfo.InvariantCulture), RoundsFile, Path.Combine(_files.FullName, "enough")));
        AwaitRounds(task, 3);
        return task;
    }

    private string RoundsFile => Path.Combine(_files.FullName, "rounds");

    /// <summary>Until every connection has been spoken by so many times more.</summary>
    private void AwaitRounds(Task<string[]> flows, int more)
    {
        int Rounds() => File.Exists(RoundsFile) ? int.Parse(File.ReadAllText(RoundsFile), CultureInfo.InvariantCulture) : 0;
        int enough = Rounds() + more;
        Assert.True(SpinWait.SpinUntil(() => flows.IsCompleted || Rounds() >= enough, TimeSpan.FromSeconds(20)), "the connections hang");
        Assert.False(flows.IsFaulted, flows.Exception?.Message);
        Assert.False(flows.IsCompleted);
    }

    private async Task Finish(Task<string[]> flows)
    {
        await File.WriteAllTextAsync(Path.Combine(_files.FullName, "enough"), "");
        Assert.StartsWith("rounds", Assert.Single(await flows), StringComparison.Ordinal);
    }
}
