// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Linux;
using Weir.Datapath.Abi;
using Weir.Http.Rules;
using Weir.Linux.Netlink;
using Weir.Net;
using Weir.Policy;

namespace Weir.Datapath;

/// <summary>The datapath of this host: its maps and the programs of its endpoints. All of it is in the
/// kernel and goes on when the object is disposed. Safe to use from several threads, except that
/// events have one reader.</summary>
public sealed class Datapath : IDatapath, IDisposable
{
    private readonly Lock _lock = new();

    private const uint FirstAudited = (uint)MetricsLayout.Audited * (uint)MetricsLayout.Reasons;

    // A change of weir_policy waits for running programs (about 10 ms): attaching must not wait with it.
    private readonly Lock _policyLock = new();
    private readonly DatapathOptions _options;
    private readonly DatapathMaps _maps;
    private readonly RtnetlinkSocket _links = new();
    private readonly BpfMap<uint, Settings> _settings;
    private readonly BpfMapMemory<EndpointEntry> _endpointMemory;
    private readonly BpfMap<IpcacheKey, IpcacheEntry> _ipcache;
    private readonly PerCpuMap<MetricsEntry> _metrics;
    private readonly PerCpuMap<ulong> _lost;
    private readonly RingBuffer _events;
    private readonly EndpointTable _endpoints;
    private readonly PolicyTable _policies;
    private readonly NodeTable _nodes;
    private readonly NameTable _names;
    private readonly PerCpuMap<ulong> _nameAnswers;
    private readonly BpfMapMemory<CtUse> _conntrackUse;
    private readonly ConntrackTable _conntrack;
    private readonly HttpPolicyTable _http;
    private readonly Lock _httpLock = new(); // a table takes a while to make
    private HttpProgram? _httpProgram;
    private XdpProgram? _xdp;
    private MeasureProgram? _measure;

    private readonly Dictionary<string, DeviceAttachment> _attachments = []; // by their pins' names
    private readonly HeldLinks _held = new();
    private readonly Dictionary<string, WaitingAttachment> _waiting = []; // while maps are replaced

    // Verifying them is most of the CPU time that attaching takes: who awaits links gets those that he has.
    private readonly Dictionary<ushort, EndpointProgram> _awaitingLinks = [];
    private readonly ulong _namespace = NetworkNamespace.CurrentCookie();
    private readonly Task _judging; // the kernel takes a while to verify what judges: there is other work until somebody needs it

    private Datapath(DatapathMaps maps, DatapathOptions options)
    {
        _options = options;
        _maps = maps;
        _settings = new(maps[MapNames.Settings]);
        _endpointMemory = new(maps[MapNames.Endpoint]);
        _ipcache = new(maps[MapNames.Ipcache]);
        _metrics = new(maps[MapNames.Metrics]);
        _lost = new(maps[MapNames.Lost]);
        _events = new(maps[MapNames.Events]);
        _endpoints = new(_endpointMemory, new(maps[MapNames.Local]));
        _policies = new(maps[MapNames.Policy], maps.PolicyTemplate, maps.Types);
        _conntrackUse = new(maps[MapNames.CtUse]);
        _conntrack = new(maps[MapNames.Ct], maps[MapNames.CtBrief], _endpointMemory, _conntrackUse, options.MaxFlowsPerEndpoint);
        var flags = new LbFlags((set, clear) => ChangeSettings((ref Settings s) => s.LbFlags = (s.LbFlags | set) & ~clear));
        _nodes = new(maps[MapNames.Node], maps[MapNames.NodeId], maps[MapNames.NodeEcho], flags);
        _names = new(new(maps[MapNames.Name]));
        _nameAnswers = new(maps[MapNames.NameCount]);
        FollowIpsec();
        _http = new(maps[MapNames.Http], maps.HttpTemplate);
        Backends = new(maps[MapNames.Backend], maps[MapNames.Hop]);
        Services = new(maps, flags, _conntrack);
        Prefilter = new(maps, flags);
        Namespaces = new(maps[MapNames.Netns], flags);
        Sockets = new(maps[MapNames.Sock]);
        Published = new PublishTable(new(maps[MapNames.Publish]));
        Claims = new ClaimTable(new(maps[MapNames.Claim]), flags);
        ChangeSettings((ref Settings s) => (s.NatFirstPort, s.NatLastPort) = (options.SnatPorts.First, options.SnatPorts.Last));
        ChangeSettings((ref Settings s) =>
        {
            s.CtEndpointLimit = options.MaxFlowsPerEndpoint;
            s.CtCapacity = options.MaxFlows;
        });
        _judging = Task.Run(() =>
        {
            using JudgeProgram judge = JudgeProgram.Load(maps);
            judge.Attach();
        });
    }

    private delegate void SettingsChange(ref Settings settings);

    /// <summary>Raised by <see cref="BumpRevision"/>; verdicts of an older one are made again.</summary>
    public uint Revision => ReadSettings().Revision;

    /// <summary>Which events programs report beside drops.</summary>
    public SettingsFlag Flags => ReadSettings().Flags;

    /// <summary>What packets at a device are looked up in; kept by the tables themselves.</summary>
    public LbFlag LbFlags => ReadSettings().LbFlags;

    /// <summary>Ports of this host that flows by SNAT leave from.</summary>
    public PortRange SnatPorts => _options.SnatPorts;

    /// <summary>The load balancer's frontends and their slots.</summary>
    public ServiceTable Services { get; }

    /// <summary>The load balancer's backends.</summary>
    public BackendTable Backends { get; }

    /// <summary>Sources that are dropped at the device.</summary>
    public PrefilterTable Prefilter { get; }

    /// <summary>Where sockets get backends beside the host's own namespace.</summary>
    public NamespaceTable Namespaces { get; }

    /// <summary>Sockets that got backends.</summary>
    public SocketTable Sockets { get; }

    /// <summary>Outsiders to whom closed published ports are open.</summary>
    public PublishTable Published { get; }

    /// <summary>Addresses that endpoints have beside their own.</summary>
    public ClaimTable Claims { get; }

    /// <summary>Events that found the ring full since the maps were made.</summary>
    public ulong LostEvents => SumOf(_lost, 0);

    /// <summary>Opens the pinned datapath or makes it, after checking that C and C# agree and that the
    /// kernel takes the program.</summary>
    /// <exception cref="DatapathException">They do not agree; every difference is listed.</exception>
    /// <exception cref="VerifierException">The kernel refuses the program.</exception>
    public static Datapath Open(DatapathOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        IReadOnlyList<string> differences = AbiCheck.Run();
        if (differences.Count > 0)
        {
            throw new DatapathException("the compiled datapath and this program disagree on what they share", differences, "Build weir again.");
        }

        DatapathMaps maps = DatapathMaps.Open(options);
        Datapath? datapath = null;
        try
        {
            // The first load in a process probes the kernel: not while a container waits.
            EndpointProgram.Load(maps, default).Dispose();
            datapath = new Datapath(maps, options);
            datapath.AttachListener();
            return datapath;
        }
        catch
        {
            Task.WaitAny(datapath?._judging ?? Task.CompletedTask);
            maps.Dispose();
            throw;
        }
    }

    /// <summary>Waits until endpoints' programs have those that they go on in, which <see cref="Open"/> began to load.</summary>
    /// <exception cref="VerifierException">The kernel refuses one.</exception>
    public void AwaitJudge() => _judging.GetAwaiter().GetResult();

    /// <summary>Unpins the datapath and takes it off the host's devices: it is gone when the last endpoint's
    /// interface is.</summary>
    public static void RemoveAll(string pinRoot = DatapathOptions.DefaultPinRoot)
    {
        using var links = new RtnetlinkSocket();
        foreach (LinkInfo link in links.ListLinks())
        {
            DeviceAttachment.Detach(links, HostProgram.PinOf(link.Name, pinRoot), HostProgram.Place, link.Index);
            if (link.Kind == "vxlan")
            {
                DeviceAttachment.Detach(links, OverlayProgram.PinOf(pinRoot), OverlayProgram.Place, link.Index);
            }
        }

        if (Directory.Exists(pinRoot))
        {
            SocketHook.Detach(pinRoot);
            MeasureProgram.Detach(pinRoot);
            foreach (string pin in Directory.GetFiles(pinRoot))
            {
                File.Delete(pin);
            }

            Directory.Delete(pinRoot);
        }
    }

    /// <summary>Attaches the programs that translate services for the sockets of this host, of processes and
    /// containers alike; the calling thread's network namespace is the host's. Again: replaces each without a gap.
    /// They go on when the agent ends.</summary>
    public SocketHookResult AttachSocketHook()
    {
        lock (_lock)
        {
            SocketHookResult result = SocketHook.Attach(_maps, _options);
            foreach (string pin in SocketHook.Pins(_options.PinRoot))
            {
                _held.Hold(pin);
            }

            return result;
        }
    }

    /// <summary>Whether each of them is attached to a cgroup.</summary>
    public bool IsSocketHookWhole
    {
        get
        {
            lock (_lock)
            {
                return SocketHook.Pins(_options.PinRoot).All(pin => _held.IsAttached(pin));
            }
        }
    }

    /// <summary>Measures containers' TCP connections from now on, or no more; the calling thread's network namespace is the host's.
    /// Again: replaces the programs without a gap. They go on when the agent ends.</summary>
    public void SetMeasuring(bool on)
    {
        lock (_lock)
        {
            string pin = MeasureProgram.PinOf(_options.PinRoot);
            if (!on)
            {
                _held.Forget(pin);
                MeasureProgram.Detach(_options.PinRoot);
            }

            MeasureProgram? before = _measure;
            _measure = on ? MeasureProgram.Attach(_maps, _options) : null;
            before?.Dispose();
            if (on)
            {
                _held.Hold(pin);
            }
        }
    }

    /// <summary>Whether the program that measures is attached to a cgroup.</summary>
    public bool IsMeasuring
    {
        get
        {
            lock (_lock)
            {
                return _measure is not null && _held.IsAttached(MeasureProgram.PinOf(_options.PinRoot));
            }
        }
    }

    /// <summary>Containers' TCP connections that live now, as far as they opened while <see cref="IsMeasuring"/>.</summary>
    public IReadOnlyList<TcpEvent> ReadConnections()
    {
        lock (_lock)
        {
            return _measure?.Read() ?? [];
        }
    }

    /// <summary>Attaches the program that finds the proxy's listener, in place of an older one.</summary>
    public void AttachListener()
    {
        lock (_lock)
        {
            // It looks flows up, as those programs do that wait.
            string pin = ListenerProgram.PinOf(_options.PinRoot);
            BpfObject loaded = ListenerProgram.Load(_maps);
            var listener = new WaitingAttachment(
                0,
                () =>
                {
                    ListenerProgram.Attach(loaded, _options.PinRoot);
                    _held.Hold(pin);
                },
                [loaded]);
            Forget(pin);
            if (_maps.AreReplaced && File.Exists(pin))
            {
                _waiting[pin] = listener;
                return;
            }

            using (listener)
            {
                listener.Attach();
            }
        }
    }

    /// <summary>Whether that one is attached to a namespace.</summary>
    public bool IsListenerWhole
    {
        get
        {
            lock (_lock)
            {
                string pin = ListenerProgram.PinOf(_options.PinRoot);
                return _waiting.ContainsKey(pin) || _held.IsAttached(pin);
            }
        }
    }

    /// <summary>Says whether requests from a container of this host to another, to a port with HTTP rules, are judged on their way as long as they are
    /// plain; else the proxy has the connection from its beginning. Connections that there are keep their way. For one thread.</summary>
    /// <exception cref="DatapathException">The kernel does not take the programs for it.</exception>
    public void SetJudgesHttp(bool on)
    {
        // That takes a third of a second, for which nobody else shall wait.
        HttpProgram? program = _httpProgram is null && (on || HttpProgram.HasFlows(_maps)) ? HttpProgram.Load(_maps) : null;
        lock (_lock)
        {
            if (program is not null)
            {
                _httpProgram = program;
                if (_maps.AreReplaced)
                {
                    _waiting[HttpProgram.PinOf(_options.PinRoot)] = new WaitingAttachment(0, () => program.Attach(_options.PinRoot), []);
                }
                else
                {
                    program.Attach(_options.PinRoot);
                }
            }

            ChangeSettings((ref Settings s) => s.Flags = on ? s.Flags | SettingsFlag.Http : s.Flags & ~SettingsFlag.Http);
        }
    }

    /// <summary>Whether requests were judged on their way before this process, as far as can be told: then there may be connections that need the programs for it.</summary>
    public bool MayJudgeHttp => (Flags & SettingsFlag.Http) != 0 || _maps.AreReplaced;

    /// <summary>Has requests judged on their way by these HTTP policies and no others. Before policy names them.</summary>
    /// <returns>By number those that they cannot be judged by, and why: what they are about is the proxy's.</returns>
    public IReadOnlyDictionary<uint, string> SetHttpPolicies(IReadOnlyCollection<HttpPolicy> policies)
    {
        ArgumentNullException.ThrowIfNull(policies);
        lock (_httpLock)
        {
            _http.Replace(policies);
            return _http.Refused;
        }
    }

    /// <summary>Whether maps got another size or layout: programs that an earlier agent attached have the old ones, count as not
    /// whole and are to be attached anew; then <see cref="EndReplacement"/>.</summary>
    public bool AreMapsReplaced => _maps.AreReplaced;

    /// <summary>All programs were attached anew, which means until here that they are loaded: now they take the places of those before, all
    /// at once, and what those wrote meanwhile is taken over. What a version pinned that has more programs and maps than this one is taken
    /// off and let go.</summary>
    public void EndReplacement()
    {
        AwaitJudge();
        lock (_lock)
        {
            if (_waiting.Count > 0)
            {
                RequireNamespace("the devices that wait for programs are");
            }

            WaitingAttachment[] all = [.. _waiting.Values];
            _waiting.Clear();
            _maps.EndReplacements(() =>
            {
                foreach (WaitingAttachment waiting in all)
                {
                    waiting.Attach();
                }
            });
            Array.ForEach(all, waiting => waiting.Dispose());
            foreach (string pin in Directory.GetFiles(_options.PinRoot).Where(pin => !_maps.Has(pin) && !IsOwnProgram(pin)))
            {
                BpfLink.Detach(pin);
            }
        }
    }

    /// <summary>Whether this version pins a program or its map there.</summary>
    private bool IsOwnProgram(string pin) =>
        ((string[])[EndpointProgram.PinPrefix, HostProgram.PinPrefix, XdpProgram.PinPrefix, OverlayProgram.PinPrefix])
            .Any(prefix => Path.GetFileName(pin).StartsWith(prefix, StringComparison.Ordinal))
        || SocketHook.Pins(_options.PinRoot).Append(ListenerProgram.PinOf(_options.PinRoot)).Append(HttpProgram.PinOf(_options.PinRoot)).Concat(MeasureProgram.Pins(_options.PinRoot)).Contains(pin);

    /// <summary>The pins of maps and programs that somebody removed. What they stand for is held and goes on.</summary>
    public IReadOnlyList<string> UnpinnedPaths()
    {
        lock (_lock)
        {
            return [.. _maps.Unpinned(), .. _measure?.Unpinned() ?? [], .. _httpProgram?.Unpinned() ?? [], .. _held.Unpinned(), .. _attachments.Values.SelectMany(attachment => attachment.Unpinned())];
        }
    }

    /// <summary>Pins what somebody unpinned.</summary>
    public void PinAgain()
    {
        lock (_lock)
        {
            _maps.PinAgain();
            _measure?.PinAgain();
            _httpProgram?.PinAgain();
            _held.PinAgain();
            _attachments.Values.ToList().ForEach(attachment => attachment.PinAgain());
        }
    }

    /// <summary>Detaches them at once; sockets keep the backends that they have. False: none was attached.</summary>
    public bool DetachSocketHook()
    {
        lock (_lock)
        {
            bool wasThere = SocketHook.Detach(_options.PinRoot);
            SocketHook.Pins(_options.PinRoot).ToList().ForEach(_held.Forget);
            return wasThere;
        }
    }

    /// <summary>Loads the endpoint's programs, attaches them to its interface and makes it known. Again
    /// for the same endpoint: replaces its programs without a gap. Until it has a policy, all is denied.</summary>
    /// <param name="atOnce">By filters, which take a moment, where links take a while; <see cref="AwaitsLinks"/> then.</param>
    public void AttachEndpoint(EndpointAttachment attachment, bool atOnce = false)
    {
        ArgumentNullException.ThrowIfNull(attachment);
        AwaitJudge();
        EndpointConfig config = EndpointProgram.ConfigOf(attachment);
        EndpointProgram? program = TakeAwaiting(attachment.Id, config) ?? EndpointProgram.Load(_maps, config);
        try
        {
            lock (_lock)
            {
                Attach(program.For(attachment.Id, _options.PinRoot), attachment.Ifindex, ByLinks && !atOnce);
                _endpoints.Put(attachment);
                _endpoints.PutAddresses(attachment);
                if (ByLinks && atOnce && _awaitingLinks.TryAdd(attachment.Id, program))
                {
                    program = null; // it is kept
                }
            }
        }
        finally
        {
            program?.Dispose();
        }
    }

    /// <summary>Whether an endpoint's programs are attached by filters and could be by links: attach them again.</summary>
    public bool AwaitsLinks(ushort id)
    {
        lock (_lock)
        {
            return ByLinks && _attachments.GetValueOrDefault(EndpointProgram.PinOf(id, _options.PinRoot)) is { IsByLinks: false };
        }
    }

    /// <summary>Whether an endpoint's programs are attached to its interface, and no other's comes before them.</summary>
    public bool IsEndpointWhole(ushort id, int ifindex)
    {
        lock (_lock)
        {
            return IsWhole(EndpointProgram.PinOf(id, _options.PinRoot), ifindex);
        }
    }

    /// <summary>Attaches the programs of the host's own devices to one of them, in the namespace in which the
    /// datapath was opened. Again: replaces them without a gap. Other people's filters there stay.</summary>
    /// <param name="hasEthernet">False: the device carries bare IP packets, as tunnels do.</param>
    /// <param name="hasXdp">False: there is no XDP before them, and the prefilter is theirs.</param>
    public void AttachDevice(string device, int ifindex, bool hasEthernet = true, bool hasXdp = true)
    {
        lock (_lock)
        {
            using HostProgram program = HostProgram.Load(_maps, hasEthernet, hasXdp);
            Attach(program.For(device, _options.PinRoot), ifindex, ByLinks);
        }
    }

    /// <summary>Whether a device's programs are attached, and, where that can be had, first.</summary>
    public bool IsDeviceWhole(string device, int ifindex)
    {
        lock (_lock)
        {
            return IsWhole(HostProgram.PinOf(device, _options.PinRoot), ifindex);
        }
    }

    /// <summary>Removes them, also where an earlier agent attached them. Nothing happens if they, or the device,
    /// are gone.</summary>
    public void DetachDevice(string device)
    {
        lock (_lock)
        {
            string pin = HostProgram.PinOf(device, _options.PinRoot);
            int? ifindex = _attachments.GetValueOrDefault(pin)?.Ifindex ?? _links.GetLink(device)?.Index;
            DeviceAttachment.Detach(_links, pin, HostProgram.Place, ifindex);
            Forget(pin);
        }
    }

    /// <summary>Puts the load balancer's program on a device of the calling thread's namespace, in place of an older one.</summary>
    /// <param name="wanted">Null: in the driver if it can, else in the stack.</param>
    public XdpMode AttachXdp(string device, int ifindex, XdpMode? wanted = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(device);
        lock (_lock)
        {
            _xdp ??= XdpProgram.Load(_maps, _options.PinRoot);
            string pin = XdpProgram.PinOf(_options.PinRoot, device);
            if (_maps.AreReplaced && XdpLink.Find(ifindex, pin) is { } mode && mode == (wanted ?? mode))
            {
                _waiting[pin] = new WaitingAttachment(ifindex, () => Now(), []);
                return mode;
            }

            return Now();

            XdpMode Now()
            {
                XdpMode mode = _xdp.Attach(device, ifindex, wanted);
                _held.Hold(pin);
                return mode;
            }
        }
    }

    /// <summary>Whether the load balancer's program is attached to that device.</summary>
    public bool IsXdpWhole(string device, int ifindex)
    {
        lock (_lock)
        {
            string pin = XdpProgram.PinOf(_options.PinRoot, device);
            return _waiting.ContainsKey(pin) || _held.IsAttached(pin, ifindex);
        }
    }

    /// <summary>Takes the load balancer's program off the device. Nothing happens if it has none.</summary>
    public void DetachXdp(string device)
    {
        ArgumentException.ThrowIfNullOrEmpty(device);
        lock (_lock)
        {
            Forget(XdpProgram.PinOf(_options.PinRoot, device));
            XdpProgram.Detach(device, _options.PinRoot);
            _held.Forget(XdpProgram.PinOf(_options.PinRoot, device));
        }
    }

    /// <summary>The devices that have the load balancer's program.</summary>
    public IReadOnlyList<string> ListXdp() => XdpProgram.Devices(_options.PinRoot);

    /// <summary>Changes who the endpoint is. Raise the revision afterwards.</summary>
    public void SetIdentity(ushort id, Identity identity)
    {
        lock (_lock)
        {
            _endpoints.SetIdentity(id, identity);
        }
    }

    /// <summary>Changes who hears that the endpoint's policy denies him.</summary>
    public void SetDenyAnswer(ushort id, DenyAnswer answer)
    {
        lock (_lock)
        {
            _endpoints.SetDenyAnswer(id, answer);
        }
    }

    /// <summary>Says whether outsiders may open flows to the endpoint's own addresses. Raise the revision afterwards.</summary>
    public void SetRouted(ushort id, bool routed)
    {
        lock (_lock)
        {
            _endpoints.SetRouted(id, routed);
        }
    }

    /// <summary>Opens doors to these outsiders and no others. Raise the revision afterwards.</summary>
    /// <exception cref="DatapathException">There are too many; nothing was changed.</exception>
    public void SetDoors(IReadOnlyCollection<PublishRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        RequireRoom(rows.Count, Published.Max, "sources of published ports");
        Published.Replace(rows);
    }

    /// <summary>Leads these addresses to endpoints beside their own, and no others. Raise the revision afterwards.</summary>
    /// <param name="rows">No prefix twice.</param>
    /// <exception cref="DatapathException">There are too many; nothing was changed.</exception>
    public void SetClaims(IReadOnlyCollection<ClaimRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        RequireRoom(rows.Count, Claims.Max, "addresses that containers have by their labels");
        Claims.Replace(rows);
    }

    /// <summary>Drops packets from these sources at the devices, and from no others.</summary>
    /// <exception cref="DatapathException">There are too many; nothing was changed.</exception>
    public void SetPrefilter(IReadOnlyCollection<IpPrefix> prefixes)
    {
        ArgumentNullException.ThrowIfNull(prefixes);
        RequireRoom(prefixes.Count, Prefilter.Max, "sources in the prefilter");
        Prefilter.Replace(prefixes);
    }

    /// <summary>Forgets the endpoint, its policy and its flows. The programs go with the interface, or now.</summary>
    public void DetachEndpoint(ushort id, IEnumerable<IPAddress> addresses)
    {
        ArgumentNullException.ThrowIfNull(addresses);
        lock (_lock)
        {
            _endpoints.RemoveAddresses(id, addresses);
            _endpoints.Clear(id);
            string pin = EndpointProgram.PinOf(id, _options.PinRoot);
            DeviceAttachment.Detach(_links, pin, EndpointProgram.Place, null);
            Forget(pin);
            TakeAwaiting(id, default)?.Dispose();
        }

        RemovePolicy(id);
        _conntrack.Purge(id);
    }

    /// <summary>Replaces the whole policy of each endpoint named; a packet meets either the old one or
    /// the new. Raise the revision afterwards.</summary>
    public void ApplyPolicies(IReadOnlyDictionary<ushort, IReadOnlyList<PolicyMapEntry>> policies)
    {
        ArgumentNullException.ThrowIfNull(policies);
        lock (_policyLock)
        {
            _policies.Replace(policies);
        }
    }

    /// <summary>Takes an endpoint's policy away: all is denied.</summary>
    public void RemovePolicy(ushort id)
    {
        lock (_policyLock)
        {
            _policies.Remove(id);
        }
    }

    /// <summary>Makes programs judge every flow again; returns the new revision.</summary>
    public uint BumpRevision()
    {
        uint revision = 0;
        ChangeSettings((ref Settings s) => revision = ++s.Revision);
        return revision;
    }

    /// <summary>Says where the proxy listens on loopback; 0: nowhere, what needs it is dropped.</summary>
    public void SetProxyPort(ushort port) => ChangeSettings((ref Settings s) => s.ProxyPort = port);

    /// <summary>Chooses which events programs report beside drops.</summary>
    public void SetFlags(SettingsFlag flags) => ChangeSettings((ref Settings s) => s.Flags = flags);

    /// <summary>Says who stands behind a prefix; the longest one wins.</summary>
    public void SetIpcache(IpPrefix prefix, Identity identity) =>
        _ipcache.Set(KeyOf(prefix), new IpcacheEntry { Identity = identity.Value });

    /// <summary>Says it for many prefixes in one call.</summary>
    public void SetIpcache(IReadOnlyCollection<IpcacheRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        IpcacheKey[] keys = [.. rows.Select(row => KeyOf(row.Prefix))];
        IpcacheEntry[] values = [.. rows.Select(row => new IpcacheEntry { Identity = row.Identity.Value, NetworkId = row.NetworkId, Node = row.Node })];
        _ipcache.SetMany(keys, values);
    }

    /// <summary>False: the prefix was not there.</summary>
    public bool RemoveIpcache(IpPrefix prefix) => _ipcache.Remove(KeyOf(prefix));

    public IReadOnlyList<IpcacheRow> ListIpcache() =>
    [
        .. _ipcache.ToList()
            .Select(e => new IpcacheRow(MappedPrefix.From(e.Key.Addr, e.Key.PrefixLen), new Identity(e.Value.Identity), e.Value.NetworkId, e.Value.Node))
            .Distinct(),
    ];

    /// <summary>Says which other hosts there are, these and no others. Before prefixes name them.</summary>
    /// <exception cref="DatapathException">A number is too high, or two have the same number or address; nothing was
    /// changed.</exception>
    public void SetNodes(IReadOnlyCollection<NodeRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        lock (_lock)
        {
            _nodes.Replace(rows);
        }
    }

    public IReadOnlyList<NodeRow> ListNodes() => _nodes.List();

    /// <summary>Leaves to the host's stack what goes to other nodes and comes from them past the overlay while the kernel has
    /// IPsec policies: only the stack encrypts by them, and asks them whether a packet may come as it does.</summary>
    /// <returns>What is so from here on, true: the stack has it all; null: that has not changed.</returns>
    /// <exception cref="LinuxException">The kernel says nothing of them.</exception>
    public bool? FollowIpsec()
    {
        bool has = IpsecPolicies.HaveAny();
        lock (_lock)
        {
            if (_nodes.IsStacks == has)
            {
                return null;
            }

            _nodes.IsStacks = has;
            return has;
        }
    }

    /// <summary>What came of asking a node by the overlay: an ICMP echo from this node's own address to its, whose content begins
    /// with a number of 8 bytes. Its datapath answers, nothing comes to this host's stack.</summary>
    public NodeAnswer AnswerOf(ushort node) => _nodes.AnswerOf(node);

    /// <summary>Has endpoints of networks be answered for these names, beside all others, as soon as a packet asks.</summary>
    /// <exception cref="Linux.LinuxException">There are too many; some of them are there.</exception>
    public void PutNames(IReadOnlyCollection<NameRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        _names.Put(rows);
    }

    /// <summary>Whoever asks for these goes on to whom it asks.</summary>
    public void RemoveNames(IReadOnlyCollection<NetworkName> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        _names.Remove(names);
    }

    public IReadOnlyList<NameRow> ListNames() => _names.List();

    /// <summary>Questions that were answered: with addresses, and without, since the name has none of the family.</summary>
    public (ulong WithAddresses, ulong Without) NameAnswers => (SumOf(_nameAnswers, 0), SumOf(_nameAnswers, 1));

    /// <summary>Attaches the overlay's programs to a device of the namespace in which the datapath was opened, and sends by it
    /// what is for <see cref="NodeRow.IsOverlay"/> nodes. Again: replaces them without a gap.</summary>
    /// <param name="ifindex">A VXLAN device that collects metadata; 0: none, and the programs are taken off where they are.</param>
    public void SetOverlay(int ifindex)
    {
        string pin = OverlayProgram.PinOf(_options.PinRoot);
        lock (_lock)
        {
            if (ifindex == 0)
            {
                int before = (int)ReadSettings().OverlayIfindex;
                ChangeSettings((ref Settings s) => s.OverlayIfindex = 0);
                DeviceAttachment.Detach(_links, pin, OverlayProgram.Place, before == 0 ? null : before);
                Forget(pin);
                return;
            }

            using OverlayProgram program = OverlayProgram.Load(_maps);
            Attach(program.For(_options.PinRoot), ifindex, ByLinks);
            ChangeSettings((ref Settings s) => s.OverlayIfindex = (uint)ifindex);
        }
    }

    /// <summary>Whether the overlay's programs are attached to that device, and what is for other nodes goes there.</summary>
    public bool IsOverlayWhole(int ifindex)
    {
        lock (_lock)
        {
            return ReadSettings().OverlayIfindex == (uint)ifindex && IsWhole(OverlayProgram.PinOf(_options.PinRoot), ifindex);
        }
    }

    public IReadOnlyList<IpPrefix> ListPrefilter() => Prefilter.List();

    private static ulong SumOf(PerCpuMap<ulong> map, uint slot) => map.Get(slot).Aggregate(0UL, (sum, n) => sum + n);

    private static void RequireRoom(int count, uint max, string what)
    {
        if (count > max)
        {
            throw new DatapathException($"{count} {what} are too many: {max} fit");
        }
    }

    /// <summary>The maps themselves, by name.</summary>
    public IReadOnlyList<DatapathMapRow> Maps() =>
    [
        .. _maps.All.Select(map => map.Spec).OrderBy(spec => spec.Name, StringComparer.Ordinal).Select(spec => new DatapathMapRow(
            spec.Name, spec.Type.ToString(), spec.KeySize, spec.ValueSize, spec.MaxEntries, Path.Combine(_options.PinRoot, spec.Name))),
    ];

    /// <summary>How full the maps are that fill with traffic, containers and services. Reads them through: not for every
    /// few milliseconds.</summary>
    /// <param name="nowNs">CLOCK_MONOTONIC.</param>
    public IReadOnlyList<MapUse> Uses(ulong nowNs) =>
    [
        new(MapNames.Ct, CountConntrack(nowNs).Flows, ConntrackCapacity),
        new(MapNames.Endpoint, ListEndpoints().Count, _maps[MapNames.Endpoint].Spec.MaxEntries),
        new(MapNames.Ipcache, ListIpcache().Count, _maps[MapNames.Ipcache].Spec.MaxEntries),
        new(MapNames.Name, ListNames().Count, _maps[MapNames.Name].Spec.MaxEntries),
        .. Services.Uses(),
    ];

    public IReadOnlyList<EndpointRow> ListEndpoints() => _endpoints.List();

    public IReadOnlyList<LocalRow> ListLocal() => _endpoints.ListAddresses();

    /// <summary>An endpoint's decisions; empty also when it has no policy.</summary>
    public IReadOnlyList<PolicyMapEntry> ListPolicy(ushort id) => _policies.List(id);

    public IReadOnlyList<ConntrackRow> ListConntrack(int most = int.MaxValue) => _conntrack.List(Clock.MonotonicNs(), most);

    /// <summary>How many flows live at this moment. Reads the table through.</summary>
    /// <param name="nowNs">CLOCK_MONOTONIC.</param>
    /// <param name="endpoint">Those of one endpoint, whoever opened them; 0: all.</param>
    public ConntrackCount CountConntrack(ulong nowNs, ushort endpoint = 0) => _conntrack.Count(nowNs, endpoint);

    /// <summary>How many flows the table holds.</summary>
    public int ConntrackCapacity => _conntrack.Capacity;

    /// <summary>Removes expired flows. Every ten seconds or so.</summary>
    /// <param name="nowNs">CLOCK_MONOTONIC.</param>
    public SweepResult SweepConntrack(ulong nowNs)
    {
        SweepResult result = _conntrack.Sweep(nowNs);
        lock (_lock)
        {
            _httpProgram?.Sweep(_maps[MapNames.Ct]);
        }

        return result;
    }

    /// <summary>Packets by direction and end, where there were any.</summary>
    public IReadOnlyList<MetricsRow> Metrics() => ReadMetrics(0, FirstAudited);

    /// <summary>Flows that passed and rules in audit would have dropped, by direction and reason; the bytes are those of the packets
    /// that opened them.</summary>
    public IReadOnlyList<MetricsRow> AuditedFlows() => ReadMetrics(FirstAudited, (uint)MetricsLayout.Slots);

    /// <summary>Waits for events, at most that long, and hands all that are there to the handler, on
    /// this thread. For a loop on a thread of its own.</summary>
    /// <param name="ended">Gets connections that ended, where they are measured.</param>
    /// <returns>How many there were.</returns>
    public int ReadEvents(DatapathEventHandler handler, TimeSpan wait, TcpEventHandler? ended = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return _events.Wait(wait)
            ? _events.Consume(record =>
            {
                if (record.Length >= Unsafe.SizeOf<TcpEvent>())
                {
                    ended?.Invoke(in MemoryMarshal.AsRef<TcpEvent>(record));
                }
                else if (record.Length >= Unsafe.SizeOf<Event>())
                {
                    handler(in MemoryMarshal.AsRef<Event>(record));
                }
            })
            : 0;
    }

    public void Dispose()
    {
        Task.WaitAny(_judging);
        _attachments.Values.ToList().ForEach(attachment => attachment.Dispose());
        _waiting.Values.ToList().ForEach(waiting => waiting.Dispose());
        _awaitingLinks.Values.ToList().ForEach(program => program.Dispose());
        _held.Dispose();
        _xdp?.Dispose();
        _httpProgram?.Dispose();
        _measure?.Dispose();
        _events.Dispose();
        _endpointMemory.Dispose();
        _nodes.Dispose();
        Services.Dispose();
        Backends.Dispose();
        _links.Dispose();
        _maps.Dispose();
    }

    private List<MetricsRow> ReadMetrics(uint first, uint end)
    {
        List<MetricsRow> rows = [];
        MetricsEntry[][] all = _metrics.GetAll();
        for (uint slot = first; slot < end; slot++)
        {
            ulong packets = 0;
            ulong bytes = 0;
            foreach (MetricsEntry cpu in all[slot])
            {
                packets += cpu.Packets;
                bytes += cpu.Bytes;
            }

            if (packets > 0)
            {
                rows.Add(new MetricsRow(
                    (Direction)((slot - first) / (uint)MetricsLayout.Reasons), (DropReason)(slot % (uint)MetricsLayout.Reasons), packets, bytes));
            }
        }

        return rows;
    }

    private void Attach(DevicePrograms programs, int ifindex, bool byLinks)
    {
        RequireNamespace($"interface {ifindex} is");

        if (!_maps.AreReplaced)
        {
            Now(programs);
            return;
        }

        // The caller closes his.
        FileDescriptor ingress = FileDescriptor.Duplicate(programs.Ingress.Fd), egress = FileDescriptor.Duplicate(programs.Egress.Fd);
        DevicePrograms held = programs with { Ingress = programs.Ingress.By(ingress), Egress = programs.Egress.By(egress) };
        Forget(programs.Pin);
        _waiting[programs.Pin] = new WaitingAttachment(ifindex, () => Now(held), [ingress, egress]);

        void Now(DevicePrograms loaded)
        {
            DeviceAttachment attachment = DeviceAttachment.Attach(_links, loaded, ifindex, byLinks);
            Forget(loaded.Pin);
            _attachments[loaded.Pin] = attachment;
        }
    }

    /// <summary>A device's number means another device elsewhere.</summary>
    private void RequireNamespace(string what)
    {
        if (NetworkNamespace.CurrentCookie() != _namespace)
        {
            throw new DatapathException($"{what} of the network namespace in which the datapath was opened; this thread is in another");
        }
    }

    /// <summary>The programs that an endpoint awaits links with; null: it does not, or needs others, and those are gone.</summary>
    private EndpointProgram? TakeAwaiting(ushort id, in EndpointConfig config)
    {
        lock (_lock)
        {
            if (!_awaitingLinks.Remove(id, out EndpointProgram? program) || program.IsFor(config))
            {
                return program;
            }

            program.Dispose();
            return null;
        }
    }

    /// <summary>What an earlier agent attached by links is taken up; by filters, or with other maps, it has to be attached
    /// anew.</summary>
    private bool IsWhole(string pin, int ifindex)
    {
        if (_waiting.GetValueOrDefault(pin) is { } waiting)
        {
            return waiting.Ifindex == ifindex;
        }

        DeviceAttachment? known = _attachments.GetValueOrDefault(pin);
        if (known is null && !_maps.AreReplaced && DeviceAttachment.Find(pin, ifindex) is { } found)
        {
            _attachments[pin] = known = found;
        }

        return known is not null && known.Ifindex == ifindex && known.IsWhole;
    }

    private void Forget(string pin)
    {
        if (_waiting.Remove(pin, out WaitingAttachment? waiting))
        {
            waiting.Dispose();
        }

        if (_attachments.Remove(pin, out DeviceAttachment? attachment))
        {
            attachment.Dispose();
        }
    }

    private bool ByLinks => _options.Tcx ?? TcxLink.IsSupported;

    private static IpcacheKey KeyOf(IpPrefix prefix) =>
        new() { PrefixLen = MappedPrefix.LengthOf(prefix), Addr = MappedPrefix.AddressOf(prefix) };

    private Settings ReadSettings()
    {
        _settings.TryGet(0, out Settings settings);
        return settings;
    }

    private void ChangeSettings(SettingsChange change)
    {
        lock (_lock)
        {
            Settings settings = ReadSettings();
            change(ref settings);
            _settings.Set(0, in settings);
        }
    }
}
