// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Linux;
using Weir.Testing;

namespace Weir.Datapath.Tests;

/// <summary>A host and a container for the socket hook: two namespaces, a cgroup in which their processes are, and a
/// datapath whose services the test writes. The scripts that run there are servers and clients at once.</summary>
internal sealed class SocketHost : IDisposable
{
    private const string Prelude = """
        import errno, socket, threading, time
        def new(kind, address):
            s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, kind)
            s.settimeout(5)
            return s
        def serve(address, port=80, says=None):
            text = (says or address).encode()
            t, u = new(socket.SOCK_STREAM, address), new(socket.SOCK_DGRAM, address)
            for s in t, u:
                s.settimeout(None)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind((address, port))
            t.listen(1000)
            def streams():
                while True:
                    c, source = t.accept()
                    c.sendall(text + b' from ' + source[0].encode())
                    c.close()
            def datagrams():
                while True:
                    u.sendto(text, u.recvfrom(99)[1])
            for work in streams, datagrams:
                threading.Thread(target=work, daemon=True).start()
        def fetch(kind, address, port=80):
            with new(kind, address) as s:
                s.connect((address, port))
                peer = s.getpeername()
                if kind == socket.SOCK_DGRAM:
                    s.send(b'x')
                return s.recv(99).decode().split()[0], peer[0], peer[1]
        def fails(work, *arguments):
            began = time.monotonic()
            try:
                return work(*arguments)
            except OSError as e:
                assert time.monotonic() - began < 1
                return errno.errorcode[e.errno]
        TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM

        """;

    private readonly TestPins _pins = new();
    private readonly Dictionary<string, BpfMap> _maps = [];
    private uint _slots;

    internal SocketHost()
    {
        Datapath = Host.Run(() => Datapath.Open(Options));
        foreach (string name in (string[])[MapNames.Settings, MapNames.Service, MapNames.Frontend, MapNames.Slot, MapNames.Backend, MapNames.Sock, MapNames.Affinity, MapNames.LbStats,
            MapNames.Endpoint, MapNames.Local, MapNames.Metrics])
        {
            _maps[name] = BpfMap.OpenPinned(Path.Combine(_pins.Root, name))!;
        }

        SetFlags(LbFlag.Services);
        KnowContainer(areAll: true);
        foreach (TestNamespace place in new[] { Host, Container })
        {
            Cgroup.Run(place, "sh", "-c", "ip link set lo up; ip address add 10.9.0.1/24 dev lo; for i in 1 2 3; do ip address add fd09::$i/128 dev lo nodad; done");
        }
    }

    internal TestNamespace Host { get; } = new();

    internal TestNamespace Container { get; } = new();

    internal TestCgroup Cgroup { get; private set; } = new();

    internal Datapath Datapath { get; private set; }

    internal string PinRoot => _pins.Root;

    internal DatapathOptions Options => new() { PinRoot = _pins.Root, Cgroup = Cgroup.Folder, MaxFlows = 1024, MaxSlots = 4096, EventBytes = 65536 };

    internal int SocketsKnown => new BpfMap<SockKey, SockEntry>(_maps[MapNames.Sock]).ToList().Count;

    internal int AffinitiesKnown => new BpfMap<AffinityKey, AffinityEntry>(_maps[MapNames.Affinity]).ToList().Count;

    /// <summary>Makes the container's namespace one of a weir endpoint, or not.</summary>
    internal void KnowContainer(bool areAll, bool isKnown = true) =>
        Datapath.Namespaces.Set(
            isKnown ? new Dictionary<ulong, NamespaceRow> { [Container.Run(NetworkNamespace.CurrentCookie)] = new(1, IPAddress.Parse("10.11.0.2"), IPAddress.Parse("fd00:11::2")) } : [],
            areAll);

    /// <summary>Makes an endpoint that has no link; the container is number 1.</summary>
    internal void AddEndpoint(ushort id, string[] addresses, DenyAnswer answer)
    {
        new BpfMap<uint, EndpointEntry>(_maps[MapNames.Endpoint]).Set(
            id, new EndpointEntry { Identity = 256u + id, NetworkId = 1, Flags = EndpointFlag.Present, DenyAnswer = answer });
        foreach (string address in addresses)
        {
            new BpfMap<IpAddr, LocalEntry>(_maps[MapNames.Local]).Set(IpAddr.From(IPAddress.Parse(address)), new LocalEntry { EndpointId = id });
        }
    }

    /// <summary>How often the hook counted that end.</summary>
    internal ulong Denied(Direction direction) =>
        new PerCpuMap<MetricsEntry>(_maps[MapNames.Metrics]).Get(((uint)direction * (uint)MetricsLayout.Reasons) + (uint)DropReason.PolicyDenied)
            .Aggregate(0UL, (sum, cpu) => sum + cpu.Packets);

    internal SocketHookResult Attach() => Host.Run(Datapath.AttachSocketHook);

    /// <summary>As when the agent ends.</summary>
    internal void CloseDatapath() => Datapath.Dispose();

    internal void ReopenDatapath() => Datapath = Host.Run(() => Datapath.Open(Options));

    /// <summary>Removes the cgroup and makes another.</summary>
    internal void ReplaceCgroup()
    {
        Cgroup.Dispose();
        Cgroup = new TestCgroup();
        Datapath.Dispose();
        ReopenDatapath();
    }

    internal void SetFlags(LbFlag flags) => new BpfMap<uint, Settings>(_maps[MapNames.Settings]).Set(0, new Settings { LbFlags = flags });

    /// <summary>Writes a service address for TCP and UDP; each number is the backend of one slot.</summary>
    internal void AddService(uint id, string address, ushort port, uint[] slots, ServiceFlag flags = 0, uint affinitySeconds = 0)
    {
        var table = new BpfMap<uint, ServiceSlot>(_maps[MapNames.Slot]);
        for (uint i = 0; i < slots.Length; i++)
        {
            // Whoever opens a connection is not bound to what was before.
            table.Set(_slots + i, new ServiceSlot { Backend = slots[i], Previous = 4711 });
        }

        foreach (byte protocol in (byte[])[6, 17])
        {
            uint frontend = (2 * id) + (protocol == 17 ? 1u : 0u);
            new BpfMap<uint, FrontendEntry>(_maps[MapNames.Frontend]).Set(
                frontend, new FrontendEntry { Addr = IpAddr.From(IPAddress.Parse(address)), Port = port, Protocol = protocol });
            new BpfMap<ServiceKey, ServiceEntry>(_maps[MapNames.Service]).Set(
                new ServiceKey { Addr = IpAddr.From(IPAddress.Parse(address)), Port = port, Protocol = protocol },
                new ServiceEntry { Slots = _slots, SlotMask = (uint)slots.Length - 1, FrontendId = frontend, Flags = flags, AffinityS = affinitySeconds });
        }

        _slots += (uint)slots.Length;
    }

    internal void AddBackend(uint id, string address, BackendFlag flags = 0) => new BpfMap<uint, BackendEntry>(_maps[MapNames.Backend]).Set(
        id, new BackendEntry { Addr = IpAddr.From(IPAddress.Parse(address)), Port = 80, Flags = flags | BackendFlag.Present });

    /// <summary>Connections counted for a service's TCP or UDP frontend.</summary>
    internal ulong Connects(uint id, bool udp) =>
        new PerCpuMap<LbStats>(_maps[MapNames.LbStats]).Get((2 * id) + (udp ? 1u : 0u)).Aggregate(0UL, (sum, cpu) => sum + cpu.Connects);

    /// <summary>Runs a script on the host or in the container; what it printed.</summary>
    internal string[] Python(string script, TestNamespace? place = null) => Cgroup.Run(place ?? Host, "python3", "-c", Prelude + script);

    public void Dispose()
    {
        Datapath.Dispose();
        Datapath.RemoveAll(_pins.Root);
        foreach (BpfMap map in _maps.Values)
        {
            map.Dispose();
        }

        _pins.Dispose();
        Cgroup.Dispose();
        Container.Dispose();
        Host.Dispose();
    }
}
