// SPDX-License-Identifier: Apache-2.0

using System.Net.Sockets;
using Weir.Control.Endpoints;
using Weir.Control.Identities;
using Weir.Control.Policies;
using Weir.Control.Publishing;
using Weir.Control.State;
using Weir.Net;
using Weir.Policy;

namespace Weir.Control;

/// <summary>Published ports: who comes in, and changes of it.</summary>
public sealed class PublishDesk
{
    private readonly Writer _writer;
    private readonly DoorKeeper _doors;
    private readonly EndpointManager _endpoints;
    private readonly PolicyManager _policies;
    private readonly IdentityAllocator _identities;

    internal PublishDesk(
        Writer writer, DoorKeeper doors, EndpointManager endpoints, PolicyManager policies, IdentityAllocator identities)
    {
        _writer = writer;
        _doors = doors;
        _endpoints = endpoints;
        _policies = policies;
        _identities = identities;
    }

    /// <summary>"closed", "open", or that nobody decided.</summary>
    public string Setting => _writer.World.Doors.IsLeftOpen
        ? "open, as before this was a choice: set published-ports to closed or open in /etc/weir/agent.yaml"
        : _writer.World.Doors.Mode.ToString().ToLowerInvariant();

    /// <summary>Every published port, by container and port.</summary>
    public IReadOnlyList<PublishedPortView> All => _endpoints.Attached
        .Where(endpoint => endpoint.State == EndpointState.Ready)
        .SelectMany(endpoint => endpoint.Published.Select(port => new PublishedPortView(endpoint.Name, port, DoorsOf(endpoint, port))))
        .OrderBy(view => view.Container, StringComparer.Ordinal).ThenBy(view => view.Port.HostPort).ThenBy(view => view.Port.Protocol)
        .ToList();

    /// <summary>What 'weir publish allow' opened and no container publishes now.</summary>
    public IReadOnlyList<PublishAllowance> Unused => _writer.World.Allowances
        .Where(allowance => Find(allowance.Container, allowance.Port, allowance.Protocol) is null).ToList();

    /// <summary>Networks whose containers outsiders reach by their own addresses.</summary>
    public IReadOnlyList<Network> RoutedNetworks => _writer.World.Networks.Values.Where(network => !network.Internal && _writer.World.IsRouted(network)).ToList();

    /// <summary>Labels that open nothing since they are wrong.</summary>
    public IReadOnlyList<string> Warnings => _endpoints.Attached.Select(LabelProblem).OfType<string>().Distinct().ToList();

    /// <summary>What is wrong with a container's label; null: nothing.</summary>
    public static string? LabelProblem(Endpoint endpoint)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        DoorRules.LabelOf(endpoint, out string? error);
        return error;
    }

    /// <summary>Opens a published port to sources.</summary>
    /// <param name="port">"8080", "53/udp".</param>
    /// <param name="from">Empty: to everybody.</param>
    /// <returns>The port as it is now.</returns>
    /// <exception cref="ControlException">Something given is wrong; nothing was changed.</exception>
    public PublishedPortView Allow(string container, string port, IReadOnlyList<string> from)
    {
        (ushort number, IpProtocol protocol) = ParsePort(port);
        IpPrefix[] sources = ParseSources(from);
        return _writer.Run(() =>
        {
            if (Find(container, number, protocol) is null)
            {
                IpProtocol other = protocol == IpProtocol.Tcp ? IpProtocol.Udp : IpProtocol.Tcp;
                throw new ControlException(Find(container, number, other) is null
                    ? $"no container \"{container}\" publishes port {number}/{protocol.Name()}; 'weir publish list' shows all"
                    : $"{container} publishes {number}/{other.Name()}, not {number}/{protocol.Name()}: write {number}/{other.Name()}");
            }

            _doors.Allow(container, number, protocol, sources.Length == 0 ? PublishText.Everybody : sources);
            return ViewOf(container, number, protocol)!;
        });
    }

    /// <summary>Takes back what <see cref="Allow"/> opened.</summary>
    /// <param name="from">Empty: all of it.</param>
    /// <returns>The port as it is now; null: no container publishes it.</returns>
    /// <exception cref="ControlException">Something given is wrong, or was not opened; nothing was changed.</exception>
    public PublishedPortView? Deny(string container, string port, IReadOnlyList<string> from)
    {
        (ushort number, IpProtocol protocol) = ParsePort(port);
        IpPrefix[] sources = ParseSources(from);
        return _writer.Run(() =>
        {
            _doors.Deny(container, number, protocol, sources);
            return ViewOf(container, number, protocol);
        });
    }

    private static (ushort Number, IpProtocol Protocol) ParsePort(string text)
    {
        string[] parts = text.Split('/');
        return parts.Length <= 2 && ushort.TryParse(parts[0], System.Globalization.NumberStyles.None, null, out ushort number) && number > 0
            ? (parts.Length == 1 ? "tcp" : parts[1]) switch
            {
                "tcp" => (number, IpProtocol.Tcp),
                "udp" => (number, IpProtocol.Udp),
                _ => throw new ControlException($"\"{text}\": tcp and udp ports are published; write 8080 or 53/udp"),
            }
            : throw new ControlException($"\"{text}\" is no port; write 8080 or 53/udp");
    }

    private static IpPrefix[] ParseSources(IReadOnlyList<string> texts) =>
    [
        .. texts.SelectMany(text => PublishText.TryParseSource(text, out IReadOnlyList<IpPrefix> source, out string error)
            ? source
            : throw new ControlException($"--from {error}; nothing was changed")).Distinct(),
    ];

    private (Endpoint Endpoint, PublishedPort Port)? Find(string container, ushort port, IpProtocol protocol) => _endpoints.Attached
        .Where(endpoint => endpoint.Name == container)
        .SelectMany(endpoint => endpoint.Published.Select(published => ((Endpoint, PublishedPort)?)(endpoint, published)))
        .FirstOrDefault(pair => pair!.Value.Item2.HostPort == port && pair.Value.Item2.Protocol == protocol);

    private PublishedPortView? ViewOf(string container, ushort port, IpProtocol protocol) =>
        Find(container, port, protocol) is var (endpoint, published) ? new PublishedPortView(container, published, DoorsOf(endpoint, published)) : null;

    private List<OpenDoor> DoorsOf(Endpoint endpoint, PublishedPort port)
    {
        if (port.HostAddress is { } address && System.Net.IPAddress.IsLoopback(address))
        {
            return [];
        }

        bool Fits(IpPrefix source) => endpoint.Addresses.Any(own => own.AddressFamily == source.Address.AddressFamily)
            && (port.HostAddress is null || port.HostAddress.AddressFamily == source.Address.AddressFamily);
        PolicyPeer subject = _policies.Peers.Of(endpoint);
        IEnumerable<OpenDoor> byPolicy = Outsiders().Where(outsider => Fits(outsider.Source))
            .Select(outsider => (outsider.Source, Decision: _policies.Engine.Decide(subject, outsider.Peer, PolicyDirection.Ingress, port.Protocol, port.ContainerPort)))
            .Where(outsider => outsider.Decision is { Allowed: true, RuleId: not 0 })
            .Select(outsider => new OpenDoor(PublishText.NameOf(outsider.Source), $"policy {DescribeRule(outsider.Decision.RuleId)}", false));
        IEnumerable<OpenDoor> others = DoorRules.GrantsOf(_writer.World, endpoint, port).Where(grant => Fits(grant.Source))
            .Select(grant => new OpenDoor(
                PublishText.NameOf(grant.Source),
                grant.Why,
                !_policies.Engine.Decide(subject, PeerOf(grant.Source), PolicyDirection.Ingress, port.Protocol, port.ContainerPort).Allowed));
        return [.. others.Concat(byPolicy).Distinct()];
    }

    private string DescribeRule(uint id) => _policies.FindRule(id) is { } rule ? $"{rule.Name} at {rule.File}:{rule.Line}" : "";

    /// <summary>All that policy tells apart of the outside.</summary>
    private IEnumerable<(IpPrefix Source, PolicyPeer Peer)> Outsiders() => PublishText.Everybody.Select(source => (source, WorldOf(source)))
        .Concat(_identities.Cidrs.OrderBy(cidr => cidr.Key).Select(cidr => (cidr.Key, _policies.Peers.Of(cidr.Value))));

    private PolicyPeer PeerOf(IpPrefix source) => _identities.Cidrs.Where(cidr => cidr.Key.Contains(source)).OrderByDescending(cidr => cidr.Key.Length)
        .Select(cidr => _policies.Peers.Of(cidr.Value)).FirstOrDefault() ?? WorldOf(source);

    private static PolicyPeer WorldOf(IpPrefix source) =>
        PolicyPeer.ForReserved(source.Address.AddressFamily == AddressFamily.InterNetwork ? Identity.WorldIpv4 : Identity.WorldIpv6);
}
