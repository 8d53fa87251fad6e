// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using Weir.Control.Cluster;
using Weir.Control.State;
using Weir.Net;
using Weir.Policy;

namespace Weir.Control.Policies;

/// <summary>Finds who is meant by what people write.</summary>
/// <param name="world">The one that is asked about.</param>
internal sealed class PeerFinder(PolicyPeers peers, Func<World> world, LabelFilter filter)
{
    private const string ComposeService = "com.docker.compose.service";
    private const string ComposeProject = "com.docker.compose.project";

    private readonly RemoteEndpoints _remote = new(world);

    /// <param name="text">A container's name, an address, a reserved name, a service of Compose or of Weir, or labels.</param>
    /// <param name="option">Serves messages.</param>
    internal Party Find(string text, string option)
    {
        if (world().Attached.Where(endpoint => endpoint.Name == text || (ushort.TryParse(text, out ushort id) && endpoint.Id == id)).ToList() is { Count: > 0 } named)
        {
            return ByEndpoints(named);
        }

        if (_remote.FindAll(text) is { Count: > 0 } elsewhere)
        {
            return Remote(elsewhere[0].Endpoint);
        }

        if (IPAddress.TryParse(text, out IPAddress? address))
        {
            return ByAddress(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address);
        }

        if (IpPrefix.TryParse(text, out IpPrefix? prefix))
        {
            Party party = world().Cidrs.TryGetValue(prefix.Masked, out Identity known) && !world().IsHost(prefix) ? new Party(peers.Of(known)) : ByAddress(prefix.Address);
            return party with { Place = prefix.Masked };
        }

        if (Identity.TryParseReserved(text, out Identity reserved))
        {
            return ByReserved(reserved == Identity.World ? Identity.WorldIpv4 : reserved);
        }

        return !text.Contains('=', StringComparison.Ordinal)
            ? ByService(text, option) ?? throw new ControlException(
                $"{option} {text}: no container and no service has that name; write labels such as role=web, an address, or a reserved name such as world")
            : ByLabels(text, option);
    }

    /// <summary>The end of a flow at this address, as the datapath finds it.</summary>
    internal Party ByAddress(IPAddress address)
    {
        if ((world().Attached.FirstOrDefault(endpoint => endpoint.Addresses.Contains(address)) ?? FindByClaim(address)) is { } endpoint)
        {
            return new Party(peers.Of(endpoint)) { Endpoints = [endpoint] };
        }

        if (_remote.Find(address) is { } remote)
        {
            return Remote(remote.Endpoint) with { Place = IpPrefix.Single(address) };
        }

        IpPrefix single = IpPrefix.Single(address);
        IpPrefix? covering = world().Cidrs.Keys.Where(prefix => prefix.Contains(address)).OrderByDescending(prefix => prefix.Length).FirstOrDefault();
        PolicyPeer peer = world().IsHost(single) ? PolicyPeer.ForReserved(Identity.Host)
            : covering is { } cidr ? peers.Of(world().Cidrs[cidr])
            : PolicyPeer.ForReserved(address.AddressFamily == AddressFamily.InterNetwork ? Identity.WorldIpv4 : Identity.WorldIpv6);
        return new Party(peer) { Place = single };
    }

    /// <summary>Who has it beside its own.</summary>
    private Endpoint? FindByClaim(IPAddress address) =>
        world().Claims.Granted.FirstOrDefault(claim => claim.Prefix.Contains(address)) is { } claim ? world().Endpoints.GetValueOrDefault(claim.ExternalId) : null;

    private static Party ByReserved(Identity identity) => new(PolicyPeer.ForReserved(identity))
    {
        Place = identity == Identity.WorldIpv4 ? new IpPrefix(IPAddress.Any, 0) : identity == Identity.WorldIpv6 ? new IpPrefix(IPAddress.IPv6Any, 0) : null,
    };

    private static string LabelOf(Endpoint endpoint, string key) =>
        endpoint.Labels.FirstOrDefault(label => label.Key == key && label.Source == LabelSources.Container)?.Value ?? "";

    private Party Remote(EndpointRecord endpoint) => new(peers.Of(endpoint.Identity)) { Place = IpPrefix.Single(endpoint.Addresses[0]) };

    private Party ByEndpoints(IReadOnlyList<Endpoint> found) => new(peers.Of(found[0])) { Endpoints = found };

    /// <summary>A service of Compose ("api", "shop/api"), or one of Weir's.</summary>
    private Party? ByService(string text, string option)
    {
        Endpoint[] found = [.. world().Attached.Where(endpoint => LabelOf(endpoint, ComposeService) is { Length: > 0 } service
            && (service == text || $"{LabelOf(endpoint, ComposeProject)}/{service}" == text))];
        Endpoint[] distinct = [.. found.DistinctBy(endpoint => endpoint.Identity)];
        if (distinct.Length > 1)
        {
            throw new ControlException(
                $"{option} {text} is a service of several projects, or with several sets of labels: {string.Join(", ", distinct.Take(4).Select(endpoint => $"{LabelOf(endpoint, ComposeProject)}/{text} ({endpoint.Name})"))}; write the project before it, or a container");
        }

        if (distinct.Length == 1)
        {
            return ByEndpoints(found);
        }

        return world().Services.GetValueOrDefault(text) is { } service ? new Party(PolicyPeer.ForReserved(Identity.WorldIpv4)) { Service = service } : null;
    }

    /// <summary>The identity that has the labels; if none has, one that has just these.</summary>
    private Party ByLabels(string text, string option)
    {
        Label[] labels;
        try
        {
            labels = [.. text.Split(',').Select(Label.Parse)];
        }
        catch (FormatException e)
        {
            throw new ControlException($"{option} {text}: {e.Message}");
        }

        if (labels.FirstOrDefault(label => !filter.Takes(label.Key)) is { Key: not null } unused)
        {
            throw new ControlException($"{option} {text}: label {unused.Key} is kept out of identities by labels-include and labels-exclude; policy does not see it");
        }

        Endpoint[] having = [.. world().Attached.Where(endpoint => labels.All(label => endpoint.Labels.Any(label.Fits)))];
        Endpoint[] distinct = [.. having.DistinctBy(endpoint => endpoint.Identity)];
        if (distinct.Length > 1)
        {
            throw new ControlException(
                $"{option} {text} fits {distinct.Length} identities: {string.Join(", ", distinct.Take(4).Select(endpoint => $"{endpoint.Identity.Value} ({endpoint.Name})"))}; name a container or more labels");
        }

        if (distinct.Length == 1)
        {
            return ByEndpoints(having);
        }

        // No container of this host, but maybe of another.
        Identity[] elsewhere = [.. world().Identities.Where(known => known.Key.IsOfCluster && labels.All(label => known.Value.Any(label.Fits))).Select(known => known.Key)];
        if (elsewhere.Length > 1)
        {
            throw new ControlException($"{option} {text} fits {elsewhere.Length} identities of other nodes: {string.Join(", ", elsewhere.Take(4).Select(identity => $"{identity.Value} ({world().Identities[identity]})"))}; name a container or more labels");
        }

        if (elsewhere.Length == 1)
        {
            return new Party(peers.Of(elsewhere[0]));
        }

        var set = new LabelSet(labels.Select(label => label.IsOfAnySource ? label with { Source = LabelSources.Container } : label));
        return new Party(new PolicyPeer(new Identity(Identity.CidrScope - 1), set, NamedPortLabels.Read(set)));
    }
}
