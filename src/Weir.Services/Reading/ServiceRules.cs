// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;

namespace Weir.Services.Reading;

/// <summary>What must hold for a service, and for several beside one another.</summary>
internal static class ServiceRules
{
    public static IEnumerable<ServiceFault> Check(ServiceSpec service, bool published) =>
    [
        .. CheckName(service, published),
        .. CheckFrontends(service, published),
        .. CheckBackends(service),
        .. CheckChoice(service),
        .. CheckFamilies(service),
        .. CheckPorts(service),
        .. CheckRest(service),
    ];

    public static IEnumerable<ServiceClash> CheckTogether(IReadOnlyList<ServiceSpec> services)
    {
        var names = new Dictionary<string, int>(StringComparer.Ordinal);
        var frontends = new Dictionary<Frontend, int>();
        for (var i = 0; i < services.Count; i++)
        {
            var service = services[i];
            if (!names.TryAdd(service.Name, i))
            {
                yield return new ServiceClash(i, ServiceField.Name, -1, $"service \"{service.Name}\" is there twice{First(services[names[service.Name]])}");
            }

            for (var j = 0; j < service.Frontends.Count; j++)
            {
                var frontend = service.Frontends[j];
                if (!frontends.TryAdd(frontend, i) && frontends[frontend] != i)
                {
                    var other = services[frontends[frontend]];
                    yield return new ServiceClash(i, ServiceField.Frontends, j, $"frontend {frontend} of service \"{service.Name}\" belongs to service \"{other.Name}\" already{First(other)}");
                }
            }
        }
    }

    private static string First(ServiceSpec service) => service.Source is { } source ? $"; that one is in line {source.Line}" : "";

    private static IEnumerable<ServiceFault> CheckName(ServiceSpec service, bool published)
    {
        var name = service.Name;
        if (name.Length is 0 or > ServiceSpec.LongestName
            || !char.IsAsciiLetterOrDigit(name[0])
            || !char.IsAsciiLetterOrDigit(name[^1])
            || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' or '/'))
        {
            yield return new ServiceFault(ServiceField.Name, -1, $"a name has 1 to {ServiceSpec.LongestName} letters and digits, with . _ - / between them; found {Quoted.Of(name)}");
        }
        else if (!published && name.StartsWith(ServiceSpec.PublishedPrefix, StringComparison.Ordinal))
        {
            yield return new ServiceFault(ServiceField.Name, -1, $"names that begin with {ServiceSpec.PublishedPrefix} are those of containers' published ports; choose another");
        }
    }

    private static IEnumerable<ServiceFault> CheckFrontends(ServiceSpec service, bool published)
    {
        if (service.Frontends.Count == 0)
        {
            yield return new ServiceFault(ServiceField.Frontends, -1, $"it needs a frontend such as {Frontend.Example}");
        }

        if (service.Frontends.Count > ServiceSpec.MostFrontends)
        {
            yield return new ServiceFault(ServiceField.Frontends, -1, $"it has {service.Frontends.Count} frontends; at most {ServiceSpec.MostFrontends} are possible");
        }

        var seen = new HashSet<Frontend>();
        for (var i = 0; i < service.Frontends.Count; i++)
        {
            var frontend = service.Frontends[i];
            if (!seen.Add(frontend))
            {
                yield return new ServiceFault(ServiceField.Frontends, i, $"frontend {frontend} is listed twice");
            }

            if (KindOf(frontend.Address) is { } kind && !(published && IPAddress.IsLoopback(frontend.Address)))
            {
                yield return new ServiceFault(ServiceField.Frontends, i, $"frontend {frontend}: {frontend.Address} is {kind} address; clients on other hosts cannot reach a service there");
            }
        }
    }

    private static IEnumerable<ServiceFault> CheckBackends(ServiceSpec service)
    {
        if (service.Backends.Count > ServiceSpec.MostBackends)
        {
            yield return new ServiceFault(ServiceField.Backends, -1, $"it has {service.Backends.Count} backends; at most {ServiceSpec.MostBackends} are possible");
        }

        var own = service.Frontends.Select(frontend => new BackendAddress(frontend.Address, frontend.Port)).ToHashSet();
        var seen = new HashSet<BackendAddress>();
        for (var i = 0; i < service.Backends.Count; i++)
        {
            var (backend, weight) = service.Backends[i];
            if (!seen.Add(backend))
            {
                yield return new ServiceFault(ServiceField.Backends, i, $"backend {backend} is listed twice; give it a weight instead");
            }

            if (own.Contains(backend))
            {
                yield return new ServiceFault(ServiceField.Backends, i, $"backend {backend} is a frontend of the same service");
            }

            if (weight is < 0 or > BackendSpec.MostWeight)
            {
                yield return new ServiceFault(ServiceField.Backends, i, $"backend {backend}: weight {weight} is not from 0 to {BackendSpec.MostWeight}");
            }

            if (KindOf(backend.Address) is { } kind)
            {
                yield return new ServiceFault(ServiceField.Backends, i, $"backend {backend}: {backend.Address} is {kind} address");
            }
        }
    }

    /// <summary>Backends are listed or selected, not both; having none is possible, but hardly meant.</summary>
    private static IEnumerable<ServiceFault> CheckChoice(ServiceSpec service)
    {
        if (service.Selector is { } selector)
        {
            if (service.Backends.Count > 0)
            {
                yield return new ServiceFault(ServiceField.Selector, -1, "selector stands beside backends; a service has one of them");
            }

            if (selector.Requirements.Count == 0)
            {
                yield return new ServiceFault(ServiceField.Selector, -1, "the selector is empty and would select every container; write for example matchLabels: {role: web}");
            }
        }
        else if (service.Backends.Count == 0)
        {
            yield return new ServiceFault(ServiceField.Whole, -1, "it has neither backends nor a selector: connections to it are dropped", IsWarning: true);
        }
        else if (service.Backends.All(backend => backend.Weight == 0))
        {
            yield return new ServiceFault(ServiceField.Backends, -1, "every backend has weight 0: new connections are dropped", IsWarning: true);
        }
    }

    private static IEnumerable<ServiceFault> CheckFamilies(ServiceSpec service)
    {
        if (service.Backends.Count == 0 || service.Frontends.Count == 0)
        {
            yield break;
        }

        foreach (var isIpv6 in (bool[])[false, true])
        {
            var family = isIpv6 ? "IPv6" : "IPv4";
            var frontend = Index(service.Frontends, f => f.IsIpv6 == isIpv6);
            var backend = Index(service.Backends, b => b.Address.IsIpv6 == isIpv6);
            if (frontend >= 0 && backend < 0)
            {
                yield return new ServiceFault(ServiceField.Frontends, frontend, $"frontend {service.Frontends[frontend]} is {family}, but no backend is: families are not translated");
            }
            else if (backend >= 0 && frontend < 0)
            {
                yield return new ServiceFault(ServiceField.Backends, backend, $"backend {service.Backends[backend].Address} is {family}, but no frontend is: families are not translated");
            }
        }
    }

    private static IEnumerable<ServiceFault> CheckPorts(ServiceSpec service)
    {
        if ((service.Selector is null) != (service.TargetPort == 0))
        {
            yield return new ServiceFault(ServiceField.TargetPort, -1, service.Selector is null
                ? "targetPort goes with a selector; listed backends have ports of their own"
                : "targetPort is missing: on which port do the selected containers listen?");
        }

        // Containers that are selected get their packets from the host that has them, which puts their port in.
        if (service.Mode == ServiceMode.Snat || service.Selector is not null)
        {
            yield break;
        }

        // The backend gets the client's packet as it is, so that it must listen on the frontend's port.
        var ports = service.Frontends.Select(frontend => frontend.Port).Distinct().ToArray();
        if (ports.Length > 1)
        {
            yield return new ServiceFault(ServiceField.Frontends, -1, $"with mode {service.Mode.Name()} all frontends need the backends' port, but they have {string.Join(" and ", ports)}; write a service for each port");
            yield break;
        }

        if (ports.Length == 0)
        {
            yield break;
        }

        for (var i = 0; i < service.Backends.Count; i++)
        {
            if (service.Backends[i].Address.Port != ports[0])
            {
                yield return new ServiceFault(ServiceField.Backends, i, $"backend {service.Backends[i].Address}: with mode {service.Mode.Name()} its port must be the frontend's, {ports[0]}");
            }
        }
    }

    private static IEnumerable<ServiceFault> CheckRest(ServiceSpec service)
    {
        if (service.AffinitySeconds is < 0 or > ServiceSpec.MostAffinitySeconds)
        {
            yield return new ServiceFault(ServiceField.Affinity, -1, $"affinity is at most {Duration.Write(TimeSpan.FromSeconds(ServiceSpec.MostAffinitySeconds))}");
        }

        if (service.HealthCheck is { } check && HealthCheckText.CheckValues(check) is { Length: > 0 } error)
        {
            yield return new ServiceFault(ServiceField.HealthCheck, -1, error);
        }
    }

    /// <summary>What an address is that no service can have: "a loopback"; null: nothing of the kind.</summary>
    private static string? KindOf(IPAddress address)
    {
        if (IPAddress.IsLoopback(address))
        {
            return "a loopback";
        }

        if (address.AddressFamily == AddressFamily.InterNetworkV6)
        {
            return address.Equals(IPAddress.IPv6Any) ? "the unspecified"
                : address.IsIPv6Multicast ? "a multicast"
                : address.IsIPv6LinkLocal ? "a link-local"
                : null;
        }

        return address.GetAddressBytes() switch
        {
            [0, ..] => "an unspecified",
            [255, 255, 255, 255] => "the broadcast",
            [>= 224 and < 240, ..] => "a multicast",
            [>= 240, ..] => "a reserved",
            _ => null,
        };
    }

    private static int Index<T>(IReadOnlyList<T> list, Func<T, bool> wanted)
    {
        for (var i = 0; i < list.Count; i++)
        {
            if (wanted(list[i]))
            {
                return i;
            }
        }

        return -1;
    }
}
