// SPDX-License-Identifier: Apache-2.0

using Weir.Control.Cluster;
using Weir.Control.Services;
using Weir.Control.State;
using Weir.Datapath;
using Weir.Policy;
using Weir.Services;

namespace Weir.Control;

/// <summary>Changes of services, and what there is of them.</summary>
public sealed class ServiceDesk
{
    private readonly Writer _writer;
    private readonly ServiceManager _services;
    private readonly DeviceManager _devices;
    private readonly Func<bool> _areServed;

    internal ServiceDesk(Writer writer, ServiceManager services, DeviceManager devices, Func<bool> areServed)
    {
        _writer = writer;
        _services = services;
        _devices = devices;
        _areServed = areServed;
    }

    /// <summary>Devices that serve clients from outside.</summary>
    public IReadOnlyList<BalancedDevice> Devices => _devices.All;

    /// <summary>Whether the programs at devices and sockets are in use: from the first service or prefix on.</summary>
    public bool IsNeeded => _devices.IsNeeded;

    /// <summary>How many services there are, published ports among them.</summary>
    public int Count => _services.Count;

    /// <summary>Problems an operator should know of.</summary>
    public IReadOnlyList<string> Warnings => WarningsOf(_areServed(), _devices.All, _devices.HookProblem);

    /// <param name="areServed">Whether there is anything to serve at devices now; else nobody comes by one.</param>
    internal static IReadOnlyList<string> WarningsOf(bool areServed, IReadOnlyList<BalancedDevice> devices, string? hookProblem) => !areServed ? [] :
    [
        .. devices.Where(device => !device.IsServed || !device.IsSettled)
            .Select(device => $"clients of services that come by device {device.Name}: {device.How} (set 'devices' to those that should)"),
        .. hookProblem is { } problem ? [problem] : Array.Empty<string>(),
        .. devices.Count == 0 ? ["no device serves clients of services: none has an address, or 'devices' names none that is there"] : Array.Empty<string>(),
    ];

    /// <summary>The services of all nodes; null: this host is by itself.</summary>
    internal SharedServices? Shared { get; set; }

    /// <summary>Takes the services of all files or, with an error in any of them, none: on all nodes if this is one of several, and
    /// names those that do not follow.</summary>
    /// <param name="dryRun">Changes nothing and tells what would change.</param>
    public Task<ServiceOutcome> ApplyAsync(IReadOnlyList<(string Name, string Text)> files, bool dryRun, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(files);
        List<Problem> problems = [];
        List<ServiceSpec> specs = [];
        foreach ((string name, string text) in files)
        {
            ServiceReadResult result = ServiceFileReader.Read(name, text);
            problems.AddRange(result.Problems);
            specs.AddRange(result.Services);
        }

        return problems.Any(problem => problem.IsError)
            ? Task.FromResult(new ServiceOutcome(problems, []))
            : ChangeAsync(wanted => Change(specs, wanted, problems, dryRun), cancel);
    }

    /// <summary>Makes a service, or changes what is given of one that is there: on all nodes if this is one of several.</summary>
    /// <exception cref="ControlException">Something given is wrong; nothing was changed.</exception>
    public Task<ServiceOutcome> UpdateAsync(ServiceUpdate update, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(update);
        return ChangeAsync(wanted => Change([update.Apply(wanted.GetValueOrDefault(update.Name)?.Spec)], wanted, [], dryRun: false), cancel);
    }

    /// <summary>Takes services away: from all nodes if this is one of several.</summary>
    /// <returns>Their names, and which nodes do not follow.</returns>
    /// <exception cref="ControlException">There is none of a name; nothing was changed.</exception>
    public Task<(IReadOnlyList<string> Names, IReadOnlyList<Problem> Problems)> DeleteAsync(IReadOnlyList<string> names, bool all, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(names);
        return AgreeAsync<IReadOnlyList<string>>(
            wanted =>
            {
                string[] gone = all ? [.. wanted.Keys] : [.. names.Distinct()];
                foreach (string name in gone.Where(name => !wanted.ContainsKey(name)))
                {
                    if (Find(name).IsPublished)
                    {
                        throw new ControlException($"service \"{name}\" is a published port: it goes with its container");
                    }
                }

                return (gone, new ServiceProposal([], gone));
            },
            cancel);
    }

    /// <summary>Gives a backend no new connections, or again some: from whatever node they come.</summary>
    public async Task<ServiceView> DrainAsync(string name, string backend, bool undo, CancellationToken cancel)
    {
        if (!BackendAddress.TryParse(backend, out BackendAddress? address, out string error))
        {
            throw new ControlException($"--backend {error}");
        }

        await AgreeAsync(
            wanted =>
            {
                Service service = Find(name);
                if (service.IsPublished)
                {
                    throw new ControlException($"service \"{name}\" is a published port: it has one backend, the container");
                }

                if (service.Members.All(member => member.Address != address))
                {
                    throw new ControlException($"service \"{name}\" has no backend {address}; it has {string.Join(", ", service.Members.Select(member => member.Address))}");
                }

                KeptService known = wanted[name];
                IReadOnlyList<BackendAddress> drained = [.. (undo ? known.Drained.Where(one => one != address) : known.Drained.Append(address)).Distinct().Order()];
                return (true, drained.SequenceEqual(known.Drained) ? null : new ServiceProposal([known with { Drained = drained }], []));
            },
            cancel);
        return List(name)[0];
    }

    /// <summary>One by its name, or all.</summary>
    public IReadOnlyList<ServiceView> List(string name = "") => _writer.Run(() =>
        name.Length > 0 ? [View(Find(name))] : (IReadOnlyList<ServiceView>)[.. _services.All.Select(View)]);

    private async Task<ServiceOutcome> ChangeAsync(Func<IReadOnlyDictionary<string, KeptService>, ServiceOutcome> change, CancellationToken cancel)
    {
        (ServiceOutcome outcome, IReadOnlyList<Problem> behind) = await AgreeAsync(
            wanted =>
            {
                ServiceOutcome outcome = change(wanted);
                return (outcome, outcome.Proposed);
            },
            cancel);
        return outcome with { Problems = [.. outcome.Problems, .. behind] };
    }

    /// <summary>Puts in force what is proposed, here or on all nodes.</summary>
    /// <param name="propose">Gets what shall be in force now, but for published ports; called on the writer's thread.</param>
    private async Task<(T Result, IReadOnlyList<Problem> Problems)> AgreeAsync<T>(Func<IReadOnlyDictionary<string, KeptService>, (T Result, ServiceProposal? Proposal)> propose, CancellationToken cancel)
    {
        if (Shared is { } shared)
        {
            return await shared.AgreeAsync(() => WithOwn(propose(Wanted)), cancel);
        }

        return await _writer.RunAsync<(T, IReadOnlyList<Problem>)>(() =>
        {
            (T result, ServiceProposal? proposal) = propose(Wanted);
            if (proposal is { Put.Count: > 0 })
            {
                _services.Put(proposal.Put);
            }

            if (proposal is { Deleted.Count: > 0 })
            {
                _services.Remove(proposal.Deleted);
            }

            return (result, []);
        });
    }

    /// <summary>What shall be in force by name, but for published ports: what all nodes have, or this one by itself.</summary>
    private IReadOnlyDictionary<string, KeptService> Wanted => _writer.World.Cluster is { ServicesRevision: > 0 } view
        ? view.Services
        : _services.All.Where(service => !service.IsPublished).ToDictionary(service => service.Name, service => new KeptService(service.Spec, [.. service.Drained.Order()]));

    /// <summary>Whoever makes the first service of all nodes brings along those that this one has.</summary>
    private (T Result, ServiceProposal? Proposal) WithOwn<T>((T Result, ServiceProposal? Proposal) one)
    {
        if (one.Proposal is not { IsEmpty: false } proposal || _writer.World.Cluster is { ServicesRevision: > 0 })
        {
            return one;
        }

        HashSet<string> named = [.. proposal.Put.Select(service => service.Spec.Name), .. proposal.Deleted];
        return (one.Result, proposal with { Put = [.. proposal.Put, .. Wanted.Values.Where(own => !named.Contains(own.Spec.Name))] });
    }

    /// <summary>Called on the writer's thread.</summary>
    private ServiceOutcome Change(IReadOnlyList<ServiceSpec> specs, IReadOnlyDictionary<string, KeptService> wanted, IReadOnlyList<Problem> read, bool dryRun)
    {
        // What a single service has wrong the reader has said already, with its place.
        List<Problem> problems = [.. read, .. _services.Check(specs, wanted.Values).Where(problem => read.All(other => other.Message != problem.Message))];
        if (problems.Any(problem => problem.IsError))
        {
            return new ServiceOutcome(problems, []);
        }

        (string, string, int, int)[] changes =
        [
            .. specs.Select(spec => (
                spec.Name,
                wanted.GetValueOrDefault(spec.Name) is not { } known ? "added" : SpecText.Of(known.Spec) == SpecText.Of(spec) ? "unchanged" : "changed",
                spec.Frontends.Count,
                spec.Backends.Count)),
        ];
        KeptService[] changed = [.. specs.Where(spec => wanted.GetValueOrDefault(spec.Name) is not { } known || SpecText.Of(known.Spec) != SpecText.Of(spec))
            .Select(spec => ServiceManager.Kept(spec, wanted.GetValueOrDefault(spec.Name)?.Drained ?? []))];
        var outcome = new ServiceOutcome(problems, changes);
        if (dryRun || changed.Length == 0)
        {
            return outcome;
        }

        try
        {
            if (Shared is not null)
            {
                _services.RequireRoomFor(changed);
                return outcome with { Proposed = new ServiceProposal(changed, []) };
            }

            _services.Put(changed);
            return outcome;
        }
        catch (ControlException e)
        {
            return new ServiceOutcome([.. problems, new Problem(null, e.Message, Severity.Error)], []);
        }
    }

    private Service Find(string name) => _services.Find(name)
        ?? throw new ControlException($"no service is named \"{name}\"; 'weir service list' shows all");

    private ServiceView View(Service service)
    {
        IReadOnlyList<BalancedFamily> families = _services.FamiliesOf(service);
        Dictionary<BackendAddress, int> slots = _services.SlotsOf(service);
        return new ServiceView(
            service.Spec,
            service.IsPublished ? "docker" : service.Spec.Source?.FileAndLine ?? "command",
            [.. families.SelectMany(family => family.FrontendIds).OrderBy(pair => pair.Key).Select(pair => Frontend(pair.Key, pair.Value))],
            [.. service.Members.Select(member => new BackendView(
                member.Spec, member.State, member.Detail, _services.EndpointOf(member), member.Node ?? (member.IsLocal ? _writer.World.Cluster?.Self : null) ?? "", slots.GetValueOrDefault(member.Address)))],
            ServiceManager.StateOf(service),
            families.Any(family => family.IsChanging),
            (int)families.Sum(family => family.SlotCount),
            service.IsPublished || Shared is null ? [] : [.. SharedServices.Behind(_writer.World, service.Name)]);
    }

    private FrontendView Frontend(Frontend address, uint id)
    {
        ServiceStats stats = _services.StatsOf(id);
        return new FrontendView(address, id, stats.Packets, stats.Bytes, stats.Connects);
    }
}
