// SPDX-License-Identifier: Apache-2.0

using Weir.Control.Services;
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

    internal ServiceDesk(Writer writer, ServiceManager services, DeviceManager devices)
    {
        _writer = writer;
        _services = services;
        _devices = devices;
    }

    /// <summary>Devices that serve clients from outside.</summary>
    public IReadOnlyList<BalancedDevice> Devices => _devices.All;

    /// <summary>Whether the programs at devices and sockets are in use: from the first service or prefix on.</summary>
    public bool IsNeeded => _devices.IsNeeded;

    /// <summary>How many services there are, published ports among them.</summary>
    public int Count => _services.Count;

    /// <summary>Problems an operator should know of.</summary>
    public IReadOnlyList<string> Warnings => WarningsOf(_services.AreServed, _devices.All, _devices.HookProblem);

    /// <param name="areServed">Whether there is anything to serve at devices now; else nobody comes by one.</param>
    internal static IReadOnlyList<string> WarningsOf(bool areServed, IReadOnlyList<BalancedDevice> devices, string? hookProblem) => !areServed ? [] :
    [
        .. devices.Where(device => !device.IsServed || !device.IsSettled)
            .Select(device => $"clients of services that come by device {device.Name}: {device.How} (set 'devices' to those that should)"),
        .. hookProblem is { } problem ? [problem] : Array.Empty<string>(),
        .. devices.Count == 0 ? ["no device serves clients of services: none has an address, or 'devices' names none that is there"] : Array.Empty<string>(),
    ];

    /// <summary>Takes the services of all files or, with an error in any of them, none.</summary>
    /// <param name="dryRun">Changes nothing and tells what would change.</param>
    public ServiceOutcome Apply(IReadOnlyList<(string Name, string Text)> files, bool dryRun)
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

        return problems.Any(problem => problem.IsError) ? new ServiceOutcome(problems, []) : Change(specs, problems, dryRun);
    }

    /// <summary>Makes a service, or changes what is given of one that is there.</summary>
    /// <exception cref="ControlException">Something given is wrong; nothing was changed.</exception>
    public ServiceOutcome Update(ServiceUpdate update)
    {
        ArgumentNullException.ThrowIfNull(update);
        return _writer.Run(() =>
        {
            ServiceSpec? known = _services.Find(update.Name) is { IsPublished: false } service ? service.Spec : null;
            return Change([update.Apply(known)], [], dryRun: false);
        });
    }

    /// <summary>Takes services away.</summary>
    /// <exception cref="ControlException">There is none of a name; nothing was changed.</exception>
    public IReadOnlyList<string> Delete(IReadOnlyList<string> names, bool all)
    {
        ArgumentNullException.ThrowIfNull(names);
        return _writer.Run(() =>
        {
            string[] wanted = all ? [.. _services.All.Where(service => !service.IsPublished).Select(service => service.Spec.Name)] : [.. names.Distinct()];
            foreach (string name in wanted)
            {
                if (Find(name).IsPublished)
                {
                    throw new ControlException($"service \"{name}\" is a published port: it goes with its container");
                }
            }

            _services.Remove(wanted);
            return wanted;
        });
    }

    /// <summary>Gives a backend no new connections, or again some.</summary>
    public ServiceView Drain(string name, string backend, bool undo)
    {
        if (!BackendAddress.TryParse(backend, out BackendAddress address, out string error))
        {
            throw new ControlException($"--backend {error}");
        }

        return _writer.Run(() =>
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

            _services.Drain(service, address, undo);
            return View(Find(name));
        });
    }

    /// <summary>One by its name, or all.</summary>
    public IReadOnlyList<ServiceView> List(string name = "") => _writer.Run(() =>
        name.Length > 0 ? [View(Find(name))] : (IReadOnlyList<ServiceView>)[.. _services.All.Select(View)]);

    private ServiceOutcome Change(IReadOnlyList<ServiceSpec> specs, List<Problem> problems, bool dryRun)
    {
        return _writer.Run(() =>
        {
            // What a single service has wrong the reader has said already, with its place.
            problems.AddRange(_services.Check(specs).Where(problem => problems.All(other => other.Message != problem.Message)));
            if (problems.Any(problem => problem.IsError))
            {
                return new ServiceOutcome(problems, []);
            }

            (string, string, int, int)[] changes =
            [
                .. specs.Select(spec => (
                    spec.Name,
                    _services.Find(spec.Name) is null ? "added" : _services.IsInForce(spec) ? "unchanged" : "changed",
                    spec.Frontends.Count,
                    spec.Backends.Count)),
            ];
            if (!dryRun)
            {
                try
                {
                    _services.Put(specs);
                }
                catch (ControlException e)
                {
                    problems.Add(new Problem(null, e.Message, Severity.Error));
                    return new ServiceOutcome(problems, []);
                }
            }

            return new ServiceOutcome(problems, changes);
        });
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
            [.. service.Members.Select(member => new BackendView(member.Spec, member.State, member.Detail, _services.EndpointOf(member), slots.GetValueOrDefault(member.Address)))],
            ServiceManager.StateOf(service),
            families.Any(family => family.IsChanging),
            (int)families.Sum(family => family.SlotCount));
    }

    private FrontendView Frontend(Frontend address, uint id)
    {
        ServiceStats stats = _services.StatsOf(id);
        return new FrontendView(address, id, stats.Packets, stats.Bytes, stats.Connects);
    }
}
