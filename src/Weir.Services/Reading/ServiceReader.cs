// SPDX-License-Identifier: Apache-2.0
using Weir.Policy;
using Weir.Policy.Reading;

namespace Weir.Services.Reading;

/// <summary>Reads one service of a file.</summary>
internal sealed class ServiceReader(ReadContext context)
{
    private static readonly FieldSet _service = new(
        "a service",
        ["name", "frontends", "backends", "selector", "targetPort", "mode", "affinity", "healthCheck"],
        []);

    private static readonly FieldSet _backend = new("a backend", ["address", "weight"], []);
    private static readonly FieldSet _affinity = new("affinity", ["timeout"], []);

    private readonly SelectorReader _selectors = new(context);
    private readonly HealthCheckReader _checks = new(context);

    /// <summary>Null, with a problem, when it is no service at all.</summary>
    public (ServiceSpec Service, ServiceNodes Places)? Read(Node node)
    {
        if (Fields.Of(context, node, _service) is not { } fields)
        {
            return null;
        }

        if (fields["name"] is not { } nameNode || context.Text(nameNode, "name") is not { } name)
        {
            if (fields["name"] is null)
            {
                context.Error(node, "the service has no name");
            }

            return null;
        }

        var problems = context.Problems.Count;
        var places = new ServiceNodes(fields);
        var frontends = ReadFrontends(fields, places);
        var service = new ServiceSpec
        {
            Name = name,
            Frontends = frontends,
            Backends = ReadBackends(fields, places),
            Selector = fields["selector"] is { } selector ? ReadSelector(selector) : null,
            TargetPort = ReadTargetPort(fields, frontends),
            Mode = fields["mode"] is { } mode ? ReadMode(mode) : ServiceMode.Snat,
            AffinitySeconds = fields["affinity"] is { } affinity ? ReadAffinity(affinity) : 0,
            HealthCheck = fields["healthCheck"] is { } check ? _checks.Read(check) : null,
            Source = context.Location(node),
        };

        // What could not be read is left out of the service: what then is missing is no fault of its own.
        if (context.Problems.Count == problems)
        {
            Check(service, places);
        }

        return (service, places);
    }

    private void Check(ServiceSpec service, ServiceNodes places)
    {
        foreach (var fault in ServiceRules.Check(service, published: false))
        {
            var place = places.Of(fault.Field, fault.Index);
            var message = $"service {Quoted.Of(service.Name)}: {fault.Message}";
            if (fault.IsWarning)
            {
                context.Warn(place, message);
            }
            else
            {
                context.Error(place, message);
            }
        }
    }

    private List<Frontend> ReadFrontends(Fields fields, ServiceNodes places)
    {
        var frontends = new List<Frontend>();
        foreach (var item in Items(fields, "frontends"))
        {
            if (item.Kind != NodeKind.Scalar)
            {
                context.Error(item, $"expected a frontend such as {Frontend.Example}; found {item.Found}{QuoteHint(item)}");
            }
            else if (!Frontend.TryParse(item.Text, out var frontend, out var error))
            {
                context.Error(item, error);
            }
            else
            {
                frontends.Add(frontend);
                places.Frontends.Add(item);
            }
        }

        return frontends;
    }

    private List<BackendSpec> ReadBackends(Fields fields, ServiceNodes places)
    {
        var backends = new List<BackendSpec>();
        foreach (var item in Items(fields, "backends"))
        {
            if (ReadBackend(item) is { } backend)
            {
                backends.Add(backend);
                places.Backends.Add(item);
            }
        }

        return backends;
    }

    private BackendSpec? ReadBackend(Node item)
    {
        if (item.Kind == NodeKind.Scalar)
        {
            if (BackendSpec.TryParse(item.Text, out var backend, out var error))
            {
                return backend;
            }

            context.Error(item, error);
            return null;
        }

        if (item.Kind == NodeKind.List)
        {
            context.Error(item, $"expected a backend such as {BackendAddress.Example}; found a list{QuoteHint(item)}");
            return null;
        }

        if (Fields.Of(context, item, _backend) is not { } fields)
        {
            return null;
        }

        if (fields["address"] is not { } addressNode)
        {
            context.Error(item, $"the backend has no address; write for example address: {BackendAddress.Example}");
            return null;
        }

        var weight = fields["weight"] is { } weightNode ? context.Integer(weightNode, "weight", 0, BackendSpec.MostWeight) : 1;
        if (context.Text(addressNode, "address") is not { } text)
        {
            return null;
        }

        if (BackendAddress.TryParse(text, out var address, out var fault))
        {
            return weight is { } known ? new BackendSpec(address, known) : null;
        }

        context.Error(addressNode, fault);
        return null;
    }

    private EndpointSelector ReadSelector(Node node) =>
        new(SelectorScope.ManagedEndpoints, _selectors.Read(node, sources: true));

    /// <summary>Where it is not written, the frontends' port, if they all have the same.</summary>
    private ushort ReadTargetPort(Fields fields, List<Frontend> frontends)
    {
        if (fields["targetPort"] is { } node)
        {
            return (ushort)(context.Integer(node, "targetPort", 1, ushort.MaxValue) ?? 0);
        }

        return fields["selector"] is not null && frontends.Count > 0 && frontends.TrueForAll(frontend => frontend.Port == frontends[0].Port)
            ? frontends[0].Port
            : (ushort)0;
    }

    private ServiceMode ReadMode(Node node)
    {
        if (!ServiceModeNames.TryParse(node.Text, out var mode))
        {
            var nearest = NearestName.Find(node.Text, ServiceModeNames.All);
            context.Error(node, $"expected mode {string.Join(", ", ServiceModeNames.All)}; found {node.Found}" + (nearest is null ? "" : $"; did you mean \"{nearest}\"?"));
        }

        return mode;
    }

    /// <summary>"3h", {timeout: 3h}, or "off".</summary>
    private int ReadAffinity(Node node)
    {
        if (node.Kind == NodeKind.Mapping)
        {
            var fields = Fields.Of(context, node, _affinity);
            if (fields is not null && fields["timeout"] is null)
            {
                context.Error(node, "timeout is missing, for example affinity: {timeout: 3h}");
            }

            node = fields?["timeout"] ?? node;
        }

        if (node.Kind == NodeKind.Mapping)
        {
            return 0;
        }

        if (node.Kind == NodeKind.Scalar && AffinityTime.TryParse(node.Text, out var seconds))
        {
            return seconds;
        }

        context.Error(node, $"expected affinity, {AffinityTime.Expected}; found {node.Found}");
        return 0;
    }

    private IReadOnlyList<Node> Items(Fields fields, string name)
    {
        if (fields[name] is not { } node)
        {
            return [];
        }

        return node.IsNull ? [] : context.List(node, name);
    }

    private static string QuoteHint(Node item) =>
        item.Kind == NodeKind.List ? "; an IPv6 address in brackets needs quotes around it" : "";
}
