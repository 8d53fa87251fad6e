// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Net;
using Weir.Datapath.Abi;
using Weir.Net;
using Weir.Testing;
using Xunit;

namespace Weir.Datapath.Tests;

/// <summary>The datapath is opened with other sizes while its flows are alive.</summary>
public sealed class ResizeTests : IDisposable
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

    /// <summary>Opens so many connections, then speaks by each of them again and again, until a file is there.</summary>
    private const string Client = """
        import os, socket, sys, time
        count, ready, enough = int(sys.argv[1]), sys.argv[2], sys.argv[3]
        def connect():
            for attempt in range(100):
                s = socket.socket()
                s.settimeout(5)
                if s.connect_ex(('192.0.2.1', 80)) == 0:
                    return s
                s.close()
                time.sleep(0.05)
        flows = [connect() for _ in range(count)]
        rounds = 0
        while not os.path.exists(enough):
            for s in flows:
                s.sendall(b'still there')
                assert s.recv(100) == b'still there'
            rounds += 1
            if rounds == 3:
                open(ready, 'w').close()
            time.sleep(0.01)
        print('rounds', rounds)
        """;

    private readonly TrafficHost _host = new("veth");
    private readonly DirectoryInfo _files = Directory.CreateTempSubdirectory("weir-resize-");

    public void Dispose()
    {
        _host.Dispose();
        _files.Delete(recursive: true);
    }

    [PrivilegedFact]
    public async Task OtherSizes_TakeEffect_AndEveryFlowGoesOn()
    {
        _host.Serve(Server);
        Task<string[]> flows = Speak(20);
        IReadOnlyList<ServiceRow> services = _host.Datapath.Services.List();

        DatapathOptions larger = _host.Options with { MaxFlows = 4096, MaxFrontends = 8192, MaxBackends = 1024, MaxSlots = 32768, MaxNatEntries = 8192, MaxPrefixes = 1000, EventBytes = 131072 };
        _host.Reopen(larger);
        Assert.True(_host.Datapath.AreMapsReplaced);
        Assert.False(_host.Datapath.IsEndpointWhole(7, Index("weir0")));
        Assert.False(_host.Datapath.IsDeviceWhole(_host.Device, Index(_host.Device)));
        _host.Attach();
        _host.EndReplacement();

        Assert.False(_host.Datapath.AreMapsReplaced);
        Assert.Equal(4096, _host.Datapath.ConntrackCapacity);
        Assert.Equal(services.Order(RowOrder), _host.Datapath.Services.List().Order(RowOrder));
        await Task.Delay(200);
        _host.Reopen(larger with { MaxFlows = 512 });
        _host.Attach();
        _host.EndReplacement();
        Assert.Equal(512, _host.Datapath.ConntrackCapacity);
        await Task.Delay(200);
        await Finish(flows);
        Assert.DoesNotContain(Directory.GetFiles(larger.PinRoot), pin => pin.EndsWith("_before", StringComparison.Ordinal) || pin.EndsWith("_next", StringComparison.Ordinal));
    }

    [PrivilegedFact]
    public async Task FlowThatBegan_BetweenTheOldMapAndTheNewPrograms_IsTakenOver()
    {
        _host.Serve(Server);
        DatapathOptions larger = _host.Options with { MaxFlows = 4096 };
        _host.Reopen(larger);

        // The old programs write into the old map; and this agent ends before it has attached new ones.
        Task<string[]> flows = Speak(5);
        _host.Reopen(larger);
        Assert.True(_host.Datapath.AreMapsReplaced);
        Assert.DoesNotContain(_host.Datapath.ListConntrack(), row => row.Flags.HasFlag(CtFlag.Established));
        _host.Attach();
        _host.EndReplacement();

        Assert.True(_host.Datapath.ListConntrack().Count >= 5);
        await Finish(flows);
    }

    [PrivilegedFact]
    public void SizeThatDoesNotHoldWhatIsThere_IsRefused_AndChangesNothing()
    {
        for (int i = 0; i < 300; i++)
        {
            _host.Datapath.SetIpcache(IpPrefix.Single(new IPAddress([198, 51, (byte)(100 + (i >> 8)), (byte)i])), Identity.ForCidr((uint)i + 1));
        }

        DatapathException refused = Assert.Throws<DatapathException>(() => _host.Host.Run(() => Datapath.Open(_host.Options with { MaxFlows = 4096, MaxPrefixes = 100 })));

        Assert.Contains("weir_ipcache: 300 entries of 131072 are in use, and 100 are asked for", refused.Message, StringComparison.Ordinal);
        _host.Reopen(_host.Options);
        Assert.False(_host.Datapath.AreMapsReplaced);
        Assert.Equal(300, _host.Datapath.ListIpcache().Count);
    }

    private static Comparer<ServiceRow> RowOrder { get; } = Comparer<ServiceRow>.Create((one, other) => one.FrontendId.CompareTo(other.FrontendId));

    private Task<string[]> Speak(int flows)
    {
        Task<string[]> task = Task.Run(() => _host.Python(_host.Client, Client, flows.ToString(CultureInfo.InvariantCulture), Path.Combine(_files.FullName, "ready"), Path.Combine(_files.FullName, "enough")));
        Assert.True(SpinWait.SpinUntil(() => task.IsCompleted || File.Exists(Path.Combine(_files.FullName, "ready")), TimeSpan.FromSeconds(20)));
        Assert.False(task.IsFaulted, task.Exception?.Message);
        return task;
    }

    private async Task Finish(Task<string[]> flows)
    {
        await File.WriteAllTextAsync(Path.Combine(_files.FullName, "enough"), "");
        Assert.StartsWith("rounds", Assert.Single(await flows), StringComparison.Ordinal);
    }

    private int Index(string device) => _host.Host.Run(() =>
    {
        using var links = new Linux.Netlink.RtnetlinkSocket();
        return links.GetLink(device)!.Index;
    });
}
