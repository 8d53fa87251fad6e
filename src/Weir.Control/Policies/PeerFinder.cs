// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Control.Endpoints;
using Weir.Control.Identities;
using Weir.Control.State;
using Weir.Net;
using Weir.Policy;

namespace Weir.Control.Policies;

/// <summary>Finds who is meant by what people write.</summary>
internal sealed class PeerFinder(EndpointManager endpoints, IdentityAllocator identities, PolicyPeers peers)
{
    /// <param name="text">Labels, a container's name, an address, or a reserved name.</param>
    /// <param name="option">Serves messages.</param>
    internal PolicyPeer Find(string text, string option)
    {
        if (endpoints.Attached.FirstOrDefault(endpoint => endpoint.Name == text || (ushort.TryParse(text, out ushort id) && endpoint.Id == id)) is { } named)
        {
            return peers.Of(named);
        }

        if (IPAddress.TryParse(text, out IPAddress? address))
        {
            return ByAddress(address);
        }

        if (IpPrefix.TryParse(text, out IpPrefix prefix))
        {
            return identities.FindCidr(prefix) is { } known ? peers.Of(known) : ByAddress(prefix.Address);
        }

        if (Identity.TryParseReserved(text, out Identity reserved))
        {
            return PolicyPeer.ForReserved(reserved == Identity.World ? Identity.WorldIpv4 : reserved);
        }

        if (!text.Contains('=', StringComparison.Ordinal))
        {
            throw new ControlException($"{option} {text}: no container has that name; write labels such as role=web, an address, or a reserved name such as world");
        }

        return ByLabels(text, option);
    }

    private PolicyPeer ByAddress(IPAddress address)
    {
        if (endpoints.Attached.FirstOrDefault(endpoint => endpoint.Addresses.Contains(address)) is { } endpoint)
        {
            return peers.Of(endpoint);
        }

        IpPrefix[] covering = [.. identities.Cidrs.Keys.Where(prefix => prefix.Contains(address)).OrderByDescending(prefix => prefix.Length)];
        return covering.Length > 0
            ? peers.Of(identities.Cidrs[covering[0]])
            : PolicyPeer.ForReserved(address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? Identity.WorldIpv4 : Identity.WorldIpv6);
    }

    /// <summary>The identity that has the labels; if none has, one that has just these.</summary>
    private PolicyPeer ByLabels(string text, string option)
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

        Endpoint[] having = [.. endpoints.Attached.Where(endpoint => labels.All(label => endpoint.Labels.Any(own =>
            own.Key == label.Key && own.Value == label.Value && (label.Source == LabelSources.Any || own.Source == label.Source))))];
        Endpoint[] distinct = [.. having.DistinctBy(endpoint => endpoint.Identity)];
        if (distinct.Length > 1)
        {
            throw new ControlException(
                $"{option} {text} fits {distinct.Length} identities: {string.Join(", ", distinct.Take(4).Select(endpoint => $"{endpoint.Identity.Value} ({endpoint.Name})"))}; name a container or more labels");
        }

        return distinct.Length == 1
            ? peers.Of(distinct[0])
            : new PolicyPeer(
                new Identity(Identity.CidrScope - 1),
                new LabelSet(labels.Select(label => label.Source == LabelSources.Any ? label with { Source = LabelSources.Container } : label)),
                null);
    }
}
