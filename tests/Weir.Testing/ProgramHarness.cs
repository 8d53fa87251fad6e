// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Http.Rules;
using Weir.Policy;

namespace Weir.Testing;

/// <summary>Has the endpoint program loaded for some endpoints over empty maps of its own, and runs it on
/// frames. Nothing is attached or pinned: the machine's network is not touched.</summary>
public sealed class ProgramHarness : IDisposable
{
    /// <summary>TC_ACT_OK.</summary>
    public const uint Pass = 0;

    /// <summary>TC_ACT_SHOT.</summary>
    public const uint Drop = 2;

    /// <summary>TC_ACT_REDIRECT.</summary>
    public const uint Redirect = 7;

    /// <summary>TC_ACT_UNSPEC: on to the filters of others.</summary>
    public const uint Untouched = uint.MaxValue;

    private const int Slots = (int)MetricsLayout.Slots;

    private readonly LoadedPrograms _loaded;
    private readonly Dictionary<string, BpfMap> _maps;
    private readonly PerCpuMap<MetricsEntry> _metrics;
    private readonly Dictionary<uint, BpfObject> _objects = [];
    private uint _revision = 1;
    private uint _flowLimit = 100_000;
    private ushort _proxyPort;
    private LbFlag _lbFlags;
    private uint _overlayIfindex;
    private SettingsFlag _settingsFlags;
    private uint _takingOver;
    private bool _disposed;

    /// <param name="flows">Room in the conntrack table; small, so that a test can fill it.</param>
    public ProgramHarness(uint flows = 512)
    {
        _loaded = LoadedPrograms.Take(flows);
        _maps = _loaded.Maps;
        _metrics = new(_maps["weir_metrics"]);
        SetCall(Call.FromEndpoint, "judge", "weir_judge_from_ep");
        SetCall(Call.ToEndpoint, "judge", "weir_judge_to_ep");
        WriteSettings();
    }

    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _loaded.Return();
        }
    }

    /// <summary>A map, for what no method here writes or reads.</summary>
    public BpfMap Map(string name) => _maps[name];

    public static PolicyMapEntry AllowAll(PolicyDirection direction) => new(0, direction, null, 0, 0, true, 0);

    public static PolicyMapEntry Allow(uint peer, PolicyDirection direction, byte protocol, int port, uint rule, byte portBits = 16) =>
        new(peer, direction, protocol, (ushort)port, portBits, true, rule);

    public static PolicyMapEntry Deny(uint peer, PolicyDirection direction, byte protocol, int port, uint rule, byte portBits = 16) =>
        new(peer, direction, protocol, (ushort)port, portBits, false, rule);

    public static byte[] ArpRequest(byte operation, string sender, string target) =>
    [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, .. Frame.ContainerMac, 8, 6,
        0, 1, 8, 0, 6, 4, 0, operation, .. Frame.ContainerMac, .. IPAddress.Parse(sender).GetAddressBytes(),
        0, 0, 0, 0, 0, 0, .. IPAddress.Parse(target).GetAddressBytes(),
    ];

    public static byte[] Solicitation(string sender, string target, bool withOption) => new Frame
    {
        Source = sender,
        Destination = "ff02::1:ff00:1",
        Protocol = 58,
        RawL4 =
        [
            135, 0, 0, 0, 0, 0, 0, 0, .. IPAddress.Parse(target).GetAddressBytes(),
            .. withOption ? (byte[])[1, 1, .. Frame.ContainerMac] : [],
        ],
    }.ToBytes();

    /// <param name="isRouted">Whether outsiders may open flows to its own addresses; most tests' subject is what comes after that.</param>
    public void AddEndpoint(uint id, uint identity, string? v4, string? v6, uint network = 1, bool isInternal = false, bool isRouted = true)
    {
        byte[] config = new byte[80];
        Address(v4).CopyTo(config, 0);
        Address(v6).CopyTo(config, 16);
        Address(v4 is null ? null : "10.11.0.1").CopyTo(config, 32);
        Address(v6 is null ? null : "fd00:11::1").CopyTo(config, 48);
        BinaryPrimitives.WriteUInt32LittleEndian(config.AsSpan(64), id);
        Frame.ContainerMac.CopyTo(config, 68);
        Frame.GatewayMac.CopyTo(config, 74);
        _objects[id] = _loaded.Endpoint("ep" + id, config);

        // Delivery writes these two MACs: made equal to those of the incoming frame, a packet can be
        // run again and again unchanged.
        byte[] entry = new byte[32];
        BinaryPrimitives.WriteUInt32LittleEndian(entry, identity);
        BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(4), 1);
        BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(8), network);
        BinaryPrimitives.WriteUInt16LittleEndian(entry.AsSpan(12), (ushort)(EndpointFlag.Present | (isInternal ? EndpointFlag.Internal : 0) | (isRouted ? EndpointFlag.Routed : 0)));
        Frame.GatewayMac.CopyTo(entry, 14);
        Frame.ContainerMac.CopyTo(entry, 20);
        _maps["weir_endpoint"].Update(Word(id), entry);
        foreach (string address in new[] { v4, v6 }.OfType<string>())
        {
            _maps["weir_local"].Update(Address(address), Word(id));
        }
    }

    /// <summary>Says who hears that the endpoint's policy denied him.</summary>
    public void SetDenyAnswer(uint id, DenyAnswer answer)
    {
        var endpoints = new BpfMap<uint, EndpointEntry>(_maps["weir_endpoint"]);
        endpoints.TryGet(id, out EndpointEntry entry);
        entry.DenyAnswer = answer;
        endpoints.Set(id, entry);
    }

    /// <summary>Empties the slot, as the agent does when an endpoint goes.</summary>
    public void ClearEndpoint(uint id) => _maps["weir_endpoint"].Update(Word(id), new byte[32]);

    /// <param name="node">Whose endpoint it is; 0: none of another node's.</param>
    public void SetIpcache(string prefix, uint identity, uint network = 0, ushort node = 0)
    {
        string[] parts = prefix.Split('/');
        int length = int.Parse(parts[1], CultureInfo.InvariantCulture) + (parts[0].Contains(':', StringComparison.Ordinal) ? 0 : 96);
        _maps["weir_ipcache"].Update([.. Word((uint)length), .. Address(parts[0])], [.. Word(identity), .. Word(network), .. Word(node)]);
    }

    /// <summary>Makes another host known.</summary>
    public void SetNode(uint id, string address, NodeFlag flags = 0)
    {
        new BpfMap<uint, NodeEntry>(_maps["weir_node"]).Set(id, new NodeEntry { Addr = AddressOf(address), Flags = flags | NodeFlag.Present });
        new BpfMap<IpAddr, uint>(_maps["weir_node_id"]).Set(AddressOf(address), id);
    }

    /// <summary>Says by which device the overlay is reached.</summary>
    public void SetOverlay(uint ifindex)
    {
        _overlayIfindex = ifindex;
        WriteSettings();
    }

    /// <summary>Empties its slot.</summary>
    public void ForgetNode(uint id) => new BpfMap<uint, NodeEntry>(_maps["weir_node"]).Set(id, default);

    /// <summary>A monitor asks for every packet.</summary>
    public void SetTrace()
    {
        _settingsFlags |= SettingsFlag.Trace;
        WriteSettings();
    }

    /// <summary>Has no program that endpoints' programs could go on in.</summary>
    public void RemoveCalls() => Array.ForEach(Enum.GetValues<Call>(), place => _maps[MapNames.Calls].Delete(Word((uint)place)));

    /// <summary>Flows are being taken over into these maps, or no more.</summary>
    public void SetTakingOver(bool isSo)
    {
        _takingOver = isSo ? 1u : 0u;
        WriteSettings();
    }

    public void SetFlowLimit(uint limit)
    {
        _flowLimit = limit;
        WriteSettings();
    }

    /// <summary>Says that a proxy runs; a flow for it goes to the host's stack.</summary>
    public void SetProxyPort(ushort port)
    {
        _proxyPort = port;
        WriteSettings();
    }

    /// <summary>Has requests between endpoints judged on their way.</summary>
    public void JudgeHttp(bool on = true)
    {
        SetCall(Call.Http, "http", "weir_http_pass");
        _settingsFlags = on ? _settingsFlags | SettingsFlag.Http : _settingsFlags & ~SettingsFlag.Http;
        WriteSettings();
    }

    /// <summary>Has them judged by an HTTP policy.</summary>
    public void PutHttp(uint policy, HttpRuleSet rules)
    {
        byte[] table = HttpTable.TryMake(rules, out string why) ?? throw new ArgumentException(why, nameof(rules));
        using BpfMap one = BpfMap.Create(_maps[MapNames.Http].Spec.Inner!);
        one.Update(Word(0), table);
        _maps[MapNames.Http].Update(Word(policy), Word((uint)one.Fd));
    }

    /// <summary>And no more.</summary>
    public void RemoveHttp(uint policy) => _maps[MapNames.Http].Delete(Word(policy));

    /// <summary>What the proxy does when it has taken a connection over. False: none waits for that.</summary>
    public bool CompleteTakeOver(in CtKey key) =>
        _loaded.Other("http").Program("weir_http_taken").Run(MemoryMarshal.AsBytes(new ReadOnlySpan<CtKey>(in key))) == 1;

    /// <summary>Connections that the proxy is told to take over, and the bytes with them.</summary>
    public IReadOnlyList<(TakeOver Connection, byte[] Bytes)> ReadTakeOvers()
    {
        List<(TakeOver, byte[])> found = [];
        using var ring = new RingBuffer(_maps[MapNames.TakeOver]);
        ring.Consume(record =>
        {
            TakeOver connection = MemoryMarshal.Read<TakeOver>(record);
            found.Add((connection, record.Slice(Unsafe.SizeOf<TakeOver>(), connection.Length).ToArray()));
        });
        return found;
    }

    /// <summary>Somebody looks at requests that pass without the proxy, or nobody any more.</summary>
    public void LookAtRequests(bool on = true)
    {
        _settingsFlags = on ? _settingsFlags | SettingsFlag.Requests : _settingsFlags & ~SettingsFlag.Requests;
        WriteSettings();
    }

    /// <summary>What was told of them, and the heads with it.</summary>
    public IReadOnlyList<(HttpSeen Seen, byte[] Head)> ReadSeen()
    {
        List<(HttpSeen, byte[])> found = [];
        using var ring = new RingBuffer(_maps[MapNames.HttpSeen]);
        ring.Consume(record =>
        {
            HttpSeen seen = MemoryMarshal.Read<HttpSeen>(record);
            found.Add((seen, record[Unsafe.SizeOf<HttpSeen>()..].ToArray()));
        });
        return found;
    }

    /// <summary>What was counted of them, by all CPUs.</summary>
    public HttpCount CountOfRequests()
    {
        HttpCount sum = default;
        foreach (HttpCount cpu in new PerCpuMap<HttpCount>(_maps[MapNames.HttpCount]).Get(0))
        {
            sum.Add(in cpu);
        }

        return sum;
    }

    /// <summary>As if in this second every CPU had told of as many as it may.</summary>
    public void SpendSeen(ulong second)
    {
        const int Seen = 3; // enum rate_kind in lib/maps.h
        BpfMap map = _maps[MapNames.Rate];
        byte[] rates = new byte[map.UserValueSize];
        for (int at = 0; at < rates.Length; at += 2 * sizeof(ulong))
        {
            BinaryPrimitives.WriteUInt64LittleEndian(rates.AsSpan(at), second);
            BinaryPrimitives.WriteUInt64LittleEndian(rates.AsSpan(at + sizeof(ulong)), (ulong)SeenLayout.PerSecond);
        }

        map.Update(Word(Seen), rates);
    }

    /// <summary>Events that could not be told.</summary>
    public ulong LostEvents() => new PerCpuMap<ulong>(_maps[MapNames.Lost]).Get(0).Aggregate(0UL, (sum, one) => sum + one);

    /// <summary>Makes a service of one slot, whose backend has the same id.</summary>
    public void AddService(uint id, string frontend, ushort port, byte protocol, string backend, ushort backendPort, BackendFlag flags, ServiceFlag service = 0, FrontendFlag frontendFlags = 0)
    {
        _lbFlags |= LbFlag.Services;
        WriteSettings();
        new BpfMap<uint, BackendEntry>(_maps["weir_backend"]).Set(id, new BackendEntry { Addr = AddressOf(backend), Port = backendPort, Flags = flags });
        new BpfMap<uint, ServiceSlot>(_maps["weir_slot"]).Set(id, new ServiceSlot { Backend = id });
        new BpfMap<uint, FrontendEntry>(_maps["weir_frontend"]).Set(id, new FrontendEntry { Addr = AddressOf(frontend), Port = port, Protocol = protocol, Flags = frontendFlags });
        new BpfMap<ServiceKey, ServiceEntry>(_maps["weir_service"]).Set(
            new ServiceKey { Addr = AddressOf(frontend), Port = port, Protocol = protocol },
            new ServiceEntry { Slots = id, FrontendId = id, Flags = service });
    }

    /// <summary>Gives an endpoint addresses beside its own, and raises the revision.</summary>
    public void Claim(uint endpoint, string prefix)
    {
        string[] parts = prefix.Split('/');
        bool v6 = parts[0].Contains(':', StringComparison.Ordinal);
        new BpfMap<ClaimKey, ClaimEntry>(_maps["weir_claim"]).Set(
            new ClaimKey { PrefixLen = uint.Parse(parts[1], CultureInfo.InvariantCulture) + (v6 ? 0u : 96u), Addr = AddressOf(parts[0]) },
            new ClaimEntry { EndpointId = endpoint });
        _lbFlags |= LbFlag.Claims;
        _revision++;
        WriteSettings();
    }

    /// <summary>Opens a closed published port to a source, or closes it again, and raises the revision.</summary>
    /// <param name="ifindex">0: by any device.</param>
    public void Publish(ushort endpoint, ushort port, byte protocol, string source, bool open = true, uint ifindex = 0)
    {
        string[] parts = source.Split('/');
        bool v6 = parts[0].Contains(':', StringComparison.Ordinal);
        var key = new PublishKey
        {
            PrefixLen = 64 + uint.Parse(parts[1], CultureInfo.InvariantCulture) + (v6 ? 0u : 96u),
            EndpointId = endpoint,
            Port = port,
            Protocol = protocol,
            V6 = (byte)(v6 ? 1 : 0),
            Source = AddressOf(parts[0]),
        };
        var map = new BpfMap<PublishKey, PublishEntry>(_maps["weir_publish"]);
        if (open)
        {
            map.Set(in key, new PublishEntry { Ifindex = ifindex });
        }
        else
        {
            map.Remove(in key);
        }

        _revision++;
        WriteSettings();
    }

    /// <summary>The only flow that there is.</summary>
    public CtEntry OnlyFlow() => Flows().Single();

    /// <summary>All flows, wherever they lie.</summary>
    public IReadOnlyList<CtEntry> Flows() =>
        [.. ((string[])["weir_ct", "weir_ct_brief"]).SelectMany(name => new BpfMap<CtKey, CtEntry>(_maps[name]).ToList()).Select(flow => flow.Value)];

    /// <summary>How many flows count against an endpoint's limit.</summary>
    public uint FlowsOf(uint id)
    {
        new BpfMap<uint, EndpointEntry>(_maps["weir_endpoint"]).TryGet(id, out EndpointEntry entry);
        return entry.CtCount;
    }

    /// <summary>Runs weir_from_dev; the frame's destination MAC must be <see cref="Frame.DeviceMac"/>, or it is
    /// another host's.</summary>
    public Outcome FromDevice(byte[] frame) => Run(Host(), "weir_from_dev", frame);

    public Outcome FromDevice(Frame frame) => FromDevice(frame.ToBytes());

    /// <summary>Runs weir_to_dev.</summary>
    public Outcome ToDevice(byte[] frame, uint mark) => Run(Host(), "weir_to_dev", frame, mark);

    /// <summary>Builds the endpoint's policy map, swaps it in and raises the revision.</summary>
    public void SetPolicy(uint id, params IEnumerable<PolicyMapEntry> entries)
    {
        using BpfMap inner = BpfMap.Create(_maps["weir_policy"].Spec.Inner!);
        foreach (PolicyMapEntry entry in entries)
        {
            byte[] key = new byte[12];
            int bits = 40 + (entry.Protocol is null ? 0 : 8 + entry.PortPrefixLength);
            BinaryPrimitives.WriteUInt32LittleEndian(key, (uint)bits);
            BinaryPrimitives.WriteUInt32LittleEndian(key.AsSpan(4), entry.Identity);
            key[8] = (byte)entry.Direction;
            key[9] = entry.Protocol ?? 0;
            BinaryPrimitives.WriteUInt16BigEndian(key.AsSpan(10), entry.Port);
            byte verdict = !entry.Allow ? (byte)2 : entry.HttpPolicyId != 0 ? (byte)3 : (byte)1;
            byte flags = (byte)((entry.Audited is null ? 0 : PolicyFlag.Audit) | (entry.HttpIsAudit ? PolicyFlag.ProxyAudit : 0));
            inner.Update(key, [.. Word(entry.RuleId), verdict, flags, 0, 0, .. Word(entry.HttpPolicyId), .. Word(entry.Audited?.RuleId ?? 0)]);
        }

        _maps["weir_policy"].Update(Word(id), Word((uint)inner.Fd));
        _revision++;
        WriteSettings();
    }

    /// <summary>Fills every free place of the conntrack table with flows that live.</summary>
    public void FillConntrack()
    {
        byte[] entry = new byte[_maps["weir_ct"].Spec.ValueSize];
        BinaryPrimitives.WriteUInt64LittleEndian(entry, ulong.MaxValue);
        for (uint i = 1; ; i++)
        {
            byte[] key = new byte[40];
            BinaryPrimitives.WriteUInt32LittleEndian(key, i);
            try
            {
                _maps["weir_ct"].Update(key, entry);
            }
            catch (Weir.Linux.LinuxException)
            {
                return;
            }
        }
    }

    /// <summary>Forgets every flow.</summary>
    public void ClearConntrack()
    {
        foreach (BpfMap map in (BpfMap[])[_maps["weir_ct"], _maps["weir_ct_brief"]])
        {
            List<byte[]> keys = [];
            int size = (int)map.Spec.KeySize;
            map.ForEachBatch((found, _, count) =>
            {
                for (int i = 0; i < count; i++)
                {
                    keys.Add(found.Slice(i * size, size).ToArray());
                }
            });
            keys.ForEach(key => map.Delete(key));
        }

        _maps["weir_ct_use"].Update(Word(0), Word(0));
    }

    /// <summary>A loaded program, for those who time it.</summary>
    public BpfProgram Program(uint id, string name) => _objects[id].Program(name);

    /// <summary>One of the overlay's, likewise.</summary>
    public BpfProgram OverlayProgram(string name) => _loaded.Other("overlay").Program(name);

    public Outcome FromContainer(uint id, Frame frame) => Run(id, "weir_from_ep", frame.ToBytes());

    /// <param name="gsoSize">Not 0: the frame stands for many segments.</param>
    public Outcome FromContainer(uint id, byte[] frame, uint gsoSize = 0) => Run(_objects[id], "weir_from_ep", frame, gsoSize: gsoSize);

    public Outcome FromContainer(uint id, Frame frame, uint mark) => Run(id, "weir_from_ep", frame.ToBytes(), mark);

    /// <param name="cameBy">The device by which the host got the packet; 0: it made it itself.</param>
    public Outcome ToContainer(uint id, Frame frame, uint mark = 0, uint cameBy = 0) => Run(_objects[id], "weir_to_ep", frame.ToBytes(), mark, cameBy: cameBy);

    private static byte[] Word(uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return bytes;
    }

    private static byte[] Address(string? text) =>
        text is null ? new byte[16] : IPAddress.Parse(text).MapToIPv6().GetAddressBytes();

    private static IpAddr AddressOf(string text) => IpAddr.From(IPAddress.Parse(text));

    private void SetCall(Call place, string loaded, string program) =>
        _maps[MapNames.Calls].Update(Word((uint)place), Word((uint)_loaded.Other(loaded).Program(program).Fd));

    private BpfObject Host() => _loaded.Other("host");

    private Outcome Run(uint id, string program, byte[] frame, uint mark = 0) => Run(_objects[id], program, frame, mark);

    private Outcome Run(BpfObject loaded, string program, byte[] frame, uint mark = 0, uint gsoSize = 0, uint cameBy = 0)
    {
        byte[] context = new byte[192]; // struct __sk_buff
        BinaryPrimitives.WriteUInt32LittleEndian(context.AsSpan(8), mark);
        BinaryPrimitives.WriteUInt32LittleEndian(context.AsSpan(36), cameBy); // ingress_ifindex
        BinaryPrimitives.WriteUInt32LittleEndian(context.AsSpan(176), gsoSize);
        byte[] output = new byte[frame.Length + 256];
        ulong[] before = Counters();
        TestRunResult result = loaded.Program(program).TestRun(frame, output, context: context);
        ulong[] after = Counters();
        int reason = 0;
        int audited = 0;
        for (int slot = 0; slot < Slots; slot++)
        {
            if (after[slot] != before[slot])
            {
                ref int counted = ref slot >= (int)MetricsLayout.Audited * (int)MetricsLayout.Reasons ? ref audited : ref reason;
                counted = slot % (int)MetricsLayout.Reasons;
            }
        }

        // Some are answered where they can be.
        bool answered = (DropReason)reason is DropReason.ProxyRequired or DropReason.CtInvalid or DropReason.PolicyDenied or DropReason.PolicyDenyRule
            or DropReason.HttpCut or DropReason.NetworkIsolated or DropReason.NetworkInternal or DropReason.TooBig && result.ReturnValue == Redirect;
        // What went to the proxy by another way than a packet's is gone, and not dropped.
        bool wentOn = reason == 0 && _settingsFlags.HasFlag(SettingsFlag.Http);
        if (!answered && !wentOn && result.ReturnValue == Drop != (reason != 0))
        {
            throw new InvalidOperationException($"action {result.ReturnValue} does not fit reason {reason}");
        }

        return new Outcome(result.ReturnValue, (DropReason)reason, output[..result.OutputLength]) { Audited = (DropReason)audited };
    }

    private ulong[] Counters() => [.. _metrics.GetAll().Select(cpus => cpus.Aggregate(0UL, (sum, cpu) => sum + cpu.Packets))];

    private void WriteSettings()
    {
        var settings = new Settings { Flags = _settingsFlags, Revision = _revision, CtEndpointLimit = _flowLimit, ProxyPort = _proxyPort, LbFlags = _lbFlags, CtCapacity = _maps["weir_ct"].Spec.MaxEntries, OverlayIfindex = _overlayIfindex, TakingOver = _takingOver };
        new BpfMap<uint, Settings>(_maps["weir_settings"]).Set(0, settings);
    }
}
