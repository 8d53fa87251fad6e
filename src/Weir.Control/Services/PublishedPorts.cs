// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using Weir.Control.State;
using Weir.Net;
using Weir.Services;

namespace Weir.Control.Services;

/// <summary>Published ports as services: every address of the host is a frontend, the container the one
/// backend.</summary>
internal static class PublishedPorts
{
    private static readonly IPAddress[] _loopback = [IPAddress.Loopback, IPAddress.IPv6Loopback];

    internal static IReadOnlyList<ServiceSpec> SpecsOf(IEnumerable<Endpoint> endpoints, IEnumerable<IPAddress> hostAddresses)
    {
        IPAddress[] everywhere = [.. hostAddresses.Concat(_loopback).Distinct()];
        return
        [
            .. endpoints.Where(endpoint => endpoint.State == EndpointState.Ready)
                .SelectMany(endpoint => endpoint.Published.Select(port => SpecOf(endpoint, port, everywhere)))
                .Where(spec => spec.Frontends.Count > 0)
                .DistinctBy(spec => spec.Name),
        ];
    }

    private static ServiceSpec SpecOf(Endpoint endpoint, PublishedPort port, IPAddress[] everywhere)
    {
        IPAddress[] own = [.. endpoint.Addresses];
        IEnumerable<IPAddress> addresses = port.HostAddress is null ? everywhere : [port.HostAddress];
        return new ServiceSpec
        {
            Name = $"{ServiceSpec.PublishedPrefix}{endpoint.Name}/{PlaceOf(port)}/{port.Protocol.Name()}",
            Frontends =
            [
                .. addresses.Where(address => own.Any(mine => mine.AddressFamily == address.AddressFamily) && !IsLinkLocal(address))
                    .Select(address => new Frontend(address, port.HostPort, port.Protocol)).Order(),
            ],
            Backends = [.. own.Where(mine => addresses.Any(address => address.AddressFamily == mine.AddressFamily))
                .Select(mine => new BackendSpec(new BackendAddress(mine, port.ContainerPort)))],
        };
    }

    private static string PlaceOf(PublishedPort port) =>
        port.HostAddress is null ? $"{port.HostPort}" : new IPEndPoint(port.HostAddress, port.HostPort).ToString();

    private static bool IsLinkLocal(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6 && address.IsIPv6LinkLocal;
}
