// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Control.Endpoints;
using Weir.Control.Host;
using Weir.Control.Services;
using Weir.Control.State;
using Weir.Control.Watch;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Http.Rules;
using Weir.Linux;
using Weir.Net;
using Weir.Policy;
using Weir.Services;

namespace Weir.Control.Tests.Model;

/// <summary>Kernel, links, host and proxy in memory: what the agent does to them, it does here, and it outlives the agent. Any effect
/// can fail, half done or not at all, and the agent can end at any of them.</summary>
internal sealed class MemoryHost : IDatapath, IServiceTables, IEndpointLinks, IHost, IHttpProxy
{
    private int _nextIfindex = 10;
    private int _effects;

    /// <summary>What an endpoint's slot holds.</summary>
    internal sealed record Slot(EndpointAttachment Attachment, bool IsWhole, bool IsByLinks);

    internal Dictionary<string, int> Links { get; } = [];

    internal Dictionary<ushort, Slot> Slots { get; } = [];

    internal Dictionary<ushort, DenyAnswer> DenyAnswers { get; } = [];

    internal Dictionary<ushort, IReadOnlyList<PolicyMapEntry>> Policies { get; } = [];

    internal Dictionary<IpPrefix, IpcacheRow> Ipcache { get; } = [];

    internal Dictionary<ushort, NodeRow> Nodes { get; private set; } = [];

    /// <summary>The overlay's device; 0: none.</summary>
    internal int Overlay { get; private set; }

    internal Dictionary<NetworkName, IReadOnlyList<IPAddress>> Names { get; } = [];

    internal int MostNames { get; set; } = int.MaxValue;

    internal Dictionary<uint, HttpPolicy> Http { get; private set; } = [];

    internal HashSet<PublishRow> Doors { get; private set; } = [];

    internal HashSet<ClaimRow> Claims { get; private set; } = [];

    internal HashSet<IpPrefix> Prefilter { get; } = [];

    internal Dictionary<string, Service> Services { get; } = [];

    /// <summary>By whom each is served.</summary>
    internal Dictionary<Frontend, string> Frontends { get; } = [];

    internal HashSet<HostNeed> Needs { get; } = [];

    internal HashSet<IpPrefix> Masqueraded { get; private set; } = [];

    /// <summary>Whether there is room for a frontend.</summary>
    internal Func<Frontend, bool> Room { get; set; } = _ => true;

    /// <summary>After so many effects one fails; 0: none.</summary>
    internal int FailAt { get; set; }

    /// <summary>After so many effects the agent ends; 0: never.</summary>
    internal int EndAt { get; set; }

    /// <summary>Called after each effect.</summary>
    internal Action Looked { get; set; } = () => { };

    public uint Revision { get; private set; }

    /// <summary>Counts effects from here on.</summary>
    internal void Arm(int failAt, int endAt)
    {
        _effects = 0;
        (FailAt, EndAt) = (failAt, endAt);
    }

    public void AttachEndpoint(EndpointAttachment attachment, bool atOnce = false) => Do("attach", () =>
    {
        if (!Links.ContainsValue(attachment.Ifindex))
        {
            throw new LinuxException(Errno.NoDevice, $"attach to {attachment.Ifindex}");
        }

        Slots[attachment.Id] = new Slot(attachment, IsWhole: true, IsByLinks: !atOnce);
    });

    public bool AwaitsLinks(ushort id) => Slots.GetValueOrDefault(id) is { IsByLinks: false };

    public bool IsEndpointWhole(ushort id, int ifindex) => Slots.GetValueOrDefault(id) is { IsWhole: true } slot && slot.Attachment.Ifindex == ifindex;

    public void DetachEndpoint(ushort id, IEnumerable<IPAddress> addresses) => Do("detach", () =>
    {
        Slots.Remove(id);
        DenyAnswers.Remove(id);
        Policies.Remove(id);
    });

    public void SetIdentity(ushort id, Identity identity) =>
        Do("set identity", () => Slots[id] = Slots[id] with { Attachment = Slots[id].Attachment with { Identity = identity } });

    public void SetDenyAnswer(ushort id, DenyAnswer answer) => Do("set deny answer", () => DenyAnswers[id] = answer);

    public void ApplyPolicies(IReadOnlyDictionary<ushort, IReadOnlyList<PolicyMapEntry>> policies) =>
        Do("swap policies", [.. policies.Select(policy => (Action)(() => Policies[policy.Key] = policy.Value))], isOne: false);

    public void SetIpcache(IReadOnlyCollection<IpcacheRow> rows) =>
        Do("write ipcache", [.. rows.Select(row => (Action)(() => Ipcache[row.Prefix] = row))], isOne: false);

    public bool RemoveIpcache(IpPrefix prefix)
    {
        bool wasThere = false;
        Do("remove ipcache", () => wasThere = Ipcache.Remove(prefix));
        return wasThere;
    }

    public void SetNodes(IReadOnlyCollection<NodeRow> rows) => Do("set nodes", () => Nodes = rows.ToDictionary(row => row.Id));

    public void PutNames(IReadOnlyCollection<NameRow> rows) =>
        Do("put names", [.. rows.Select(row => (Action)(() =>
        {
            if (Names.Count >= MostNames && !Names.ContainsKey(row.Name))
            {
                throw new LinuxException(Errno.NoSpace, $"put {row.Name.Name}");
            }

            Names[row.Name] = row.Addresses;
        }))], isOne: false);

    public void RemoveNames(IReadOnlyCollection<NetworkName> names) =>
        Do("remove names", [.. names.Select(name => (Action)(() => Names.Remove(name)))], isOne: false);

    public void SetOverlay(int ifindex) => Do("set the overlay", () => Overlay = ifindex);

    public void SetRouted(ushort id, bool routed) =>
        Do("set routed", () => Slots[id] = Slots[id] with { Attachment = Slots[id].Attachment with { Routed = routed } });

    public void SetDoors(IReadOnlyCollection<PublishRow> rows) =>
        Do("open doors", [() => Doors.IntersectWith(rows), .. rows.Select(row => (Action)(() => Doors.Add(row)))], isOne: false);

    public void SetClaims(IReadOnlyCollection<ClaimRow> rows) =>
        Do("lead claims", [() => Claims.IntersectWith(rows), .. rows.Select(row => (Action)(() => Claims.Add(row)))], isOne: false);

    public void SetPrefilter(IReadOnlyCollection<IpPrefix> prefixes) =>
        Do("bar sources", [.. prefixes.Select(prefix => (Action)(() => Prefilter.Add(prefix))), () => Prefilter.IntersectWith(prefixes)], isOne: false);

    public void Serve(Service service) => Do("serve", () =>
    {
        Services[service.Name] = service;
        foreach (Frontend frontend in service.Spec.Frontends)
        {
            Frontends[frontend] = service.Name;
        }
    });

    public void LetGo(Service service) => Do("let go", () => LetGo(service.Name, except: service.Spec.Frontends));

    public void StopServing(string name) => Do("stop serving", () =>
    {
        LetGo(name, except: []);
        Services.Remove(name);
    });

    void IServiceTables.Reserve(IReadOnlyList<Service> services)
    {
        if (services.FirstOrDefault(service => service.Spec.Frontends.Any(frontend => !Room(frontend))) is { } service)
        {
            throw new ControlException($"service \"{service.Name}\" does not fit: nothing was changed");
        }
    }

    ILookup<string, BackendAddress> IServiceTables.Restore(IEnumerable<Service> services) =>
        services.SelectMany(service => (Services.GetValueOrDefault(service.Name)?.Members ?? []).Where(member => member.IsChosen).Select(member => (service.Name, member.Address))).ToLookup(one => one.Name, one => one.Address);

    IEnumerable<BalancedFamily> IServiceTables.Families => [];

    IReadOnlyList<BalancedFamily> IServiceTables.FamiliesOf(string name) => [];

    string? IServiceTables.NameOf(uint frontendId) => null;

    ServiceStats IServiceTables.StatsOf(uint frontendId) => default;

    Dictionary<BackendAddress, int> IServiceTables.SlotsOf(string name) => [];

    bool IServiceTables.HasGone => false;

    void IServiceTables.Collect()
    {
    }

    bool IServiceTables.TakeLoss() => false;

    void IServiceTables.EndChanges(ulong nowNs)
    {
    }

    private void LetGo(string name, IReadOnlyList<Frontend> except)
    {
        foreach (Frontend frontend in Frontends.Where(owned => owned.Value == name && !except.Contains(owned.Key)).Select(owned => owned.Key).ToList())
        {
            Frontends.Remove(frontend);
        }
    }

    public IReadOnlyList<HostNeed> List(World world) => [.. Needs.Where(need => need is HostNeed.ClaimRoute or HostNeed.NodeRoute or HostNeed.OverlayDevice or HostNeed.OverlayRoute)];

    public int? OverlayIfindex => Needs.OfType<HostNeed.OverlayDevice>().Any() ? 9 : null;

    public void Put(HostNeed need) => Do("put into the host", () =>
    {
        if (need is not HostNeed.ClaimRoute route || Links.ContainsValue(route.Ifindex))
        {
            Needs.Add(need);
        }
    });

    public void Remove(HostNeed need) => Do("take from the host", () => Needs.Remove(need));

    public void Masquerade(IReadOnlyCollection<IpPrefix> ranges, IReadOnlyCollection<IpPrefix> untranslated) => Do("masquerade", () => Masqueraded = [.. ranges]);

    public uint BumpRevision()
    {
        Do("raise revision", () => Revision++);
        return Revision;
    }

    public IReadOnlyList<EndpointRow> ListEndpoints() => [.. Slots.Values.Select(slot => slot.Attachment)
        .Select(one => new EndpointRow(one.Id, one.Identity, one.Ifindex, one.NetworkId, one.Internal, one.Routed, one.Mac, 0))];

    public IReadOnlyList<LocalRow> ListLocal() => [.. Slots.Values.SelectMany(slot => slot.Attachment.Addresses.Select(address => new LocalRow(address, slot.Attachment.Id)))];

    public IReadOnlyList<IpcacheRow> ListIpcache() => [.. Ipcache.Values];

    public IReadOnlyList<NodeRow> ListNodes() => [.. Nodes.Values];

    public IReadOnlyList<NameRow> ListNames() => [.. Names.Select(name => new NameRow(name.Key, name.Value))];

    public IReadOnlyList<IpPrefix> ListPrefilter() => [.. Prefilter];

    public int Create(Endpoint endpoint, int mtu)
    {
        Do("make link", () => Links[endpoint.LinkName] = _nextIfindex++);
        return Links[endpoint.LinkName];
    }

    public void AddRoutes(Endpoint endpoint, Network? network) => Do("add routes", () => { });

    public IEnumerable<Expectation> Expect(Endpoint endpoint, Network? network) => [];

    public void Delete(string name) => Do("delete link", () =>
    {
        LoseLink(name);
    });

    public Dictionary<string, int> List() => new(Links);

    public void Enforce(IReadOnlyCollection<HttpPolicy> policies) => Do("tell the proxy", () => Http = policies.ToDictionary(policy => policy.Id));

    /// <summary>An effect on a disk.</summary>
    internal void Write(Action effect) => Do("write", effect);

    /// <summary>Somebody takes it away, and with it what leads there.</summary>
    internal void LoseLink(string name)
    {
        if (Links.Remove(name, out int ifindex))
        {
            LoseProgram(ifindex);
            Needs.RemoveWhere(need => need is HostNeed.ClaimRoute route && route.Ifindex == ifindex);
        }
    }

    /// <summary>Somebody else does so.</summary>
    internal void LoseProgram(int ifindex)
    {
        foreach ((ushort id, Slot slot) in Slots.Where(slot => slot.Value.Attachment.Ifindex == ifindex).ToList())
        {
            Slots[id] = slot with { IsWhole = false };
        }
    }

    private void Do(string what, Action effect) => Do(what, [effect], isOne: true);

    /// <param name="isOne">It is done or not; else it may be done in part.</param>
    private void Do(string what, Action[] effects, bool isOne)
    {
        if (EndAt != 0 && _effects >= EndAt)
        {
            throw new AgentEnds(); // whatever would be tidied up on the way out is not
        }

        _effects++;
        bool fails = _effects == FailAt;
        bool ends = _effects == EndAt;
        foreach (Action effect in fails || ends ? effects[..(isOne ? 0 : effects.Length / 2)] : effects)
        {
            effect();
        }

        Looked();
        if (ends)
        {
            throw new AgentEnds();
        }

        if (fails)
        {
            throw new LinuxException(Errno.NoMemory, what);
        }
    }
}
