// SPDX-License-Identifier: Apache-2.0

using Weir.Control.Addresses;
using Weir.Control.State;
using Weir.Net;

namespace Weir.Control.Claims;

/// <summary>Decides who gets the addresses that containers ask for by label: nobody gets what is another's. Of two
/// that ask for the same, who has been there longer has it until he goes.</summary>
/// <param name="host">What the host reaches by ways of its own.</param>
internal sealed class ClaimRules(IReadOnlyCollection<Endpoint> endpoints, IReadOnlyCollection<Network> networks, IReadOnlyList<HostRange> host)
{
    private readonly List<(Endpoint Endpoint, IpPrefix Prefix)> _granted = [];

    internal ClaimPlan Decide()
    {
        Dictionary<string, string> problems = [];
        foreach (Endpoint endpoint in endpoints.Where(endpoint => endpoint.Claims is not null).OrderBy(endpoint => endpoint.Created).ThenBy(endpoint => endpoint.Id))
        {
            string[] found = [.. Decide(endpoint)];
            if (found.Length > 0)
            {
                problems[endpoint.ExternalId] = $"label {ClaimText.Label} of {endpoint.Name}: {string.Join("; ", found)}";
            }
        }

        return new ClaimPlan([.. _granted.Select(granted => Claim.Of(granted.Endpoint, granted.Prefix))], problems);
    }

    private IEnumerable<string> Decide(Endpoint endpoint)
    {
        if (endpoint.Claims is not { } label)
        {
            yield break;
        }

        if (label.IsOfImage)
        {
            yield return $"image {endpoint.Image} has it, and who builds an image gets no addresses; give it to docker run";
            yield break;
        }

        if (!ClaimText.TryParse(label.Text, out IReadOnlyList<IpPrefix> claims, out string error))
        {
            yield return error;
            yield break;
        }

        foreach (IpPrefix prefix in claims.Where(prefix => !IsForSibling(endpoint, prefix)))
        {
            if (WhyNot(endpoint, prefix) is { } why)
            {
                yield return $"{prefix} {why}";
            }
            else if (!endpoint.Addresses.Any(own => IpPrefix.Single(own) == prefix))
            {
                _granted.Add((endpoint, prefix));
            }
        }
    }

    /// <summary>A container on several networks: an address of one network's range is for its place there, one of none for
    /// the place that it had first.</summary>
    private bool IsForSibling(Endpoint endpoint, IpPrefix prefix)
    {
        Endpoint[] siblings = [.. endpoints.Where(other => other.WorkloadId == endpoint.WorkloadId && other.Claims is not null && HasFamily(other, prefix))];
        Endpoint? place = siblings.FirstOrDefault(sibling => PoolsOf(sibling.NetworkId).Any(pool => pool.Overlaps(prefix)))
            ?? siblings.OrderBy(sibling => sibling.Created).ThenBy(sibling => sibling.Id).FirstOrDefault();
        return place is not null && place.ExternalId != endpoint.ExternalId;
    }

    private string? WhyNot(Endpoint endpoint, IpPrefix prefix)
    {
        if (!HasFamily(endpoint, prefix))
        {
            return $"is not led to it: it has no {(prefix.IsIpv6 ? "IPv6" : "IPv4")} address";
        }

        if (SubnetRules.FaultOf(prefix) is { } fault)
        {
            return fault;
        }

        if (networks.FirstOrDefault(network => network.Id != endpoint.NetworkId && PoolsOf(network.Id).Any(pool => pool.Overlaps(prefix))) is { } foreign)
        {
            return $"overlaps network {foreign.Label}, on which it is not";
        }

        if (networks.SelectMany(network => network.Subnets).FirstOrDefault(subnet => prefix.Contains(subnet.Gateway)) is { } subnet)
        {
            return $"holds {subnet.Gateway}, the gateway of {subnet.Pool}";
        }

        if (host.FirstOrDefault(range => range.Prefix.Overlaps(prefix)) is { } range)
        {
            return $"overlaps {range.What}, which this host would lose";
        }

        if (endpoints.FirstOrDefault(other => other.ExternalId != endpoint.ExternalId && other.Addresses.Any(prefix.Contains)) is { } owner)
        {
            return $"holds an address of {NameOf(owner)}";
        }

        return _granted.Where(other => other.Prefix.Overlaps(prefix) && other.Endpoint.ExternalId != endpoint.ExternalId).Select(other => other.Endpoint).FirstOrDefault() is { } holder
            ? $"is {NameOf(holder)}'s as long as that runs"
            : null;
    }

    private static bool HasFamily(Endpoint endpoint, IpPrefix prefix) => (prefix.IsIpv6 ? endpoint.Ipv6 : endpoint.Ipv4) is not null;

    private static string NameOf(Endpoint endpoint) => endpoint.Name.Length > 0 ? endpoint.Name : $"endpoint {endpoint.Id}";

    private IEnumerable<IpPrefix> PoolsOf(string networkId) => networks.Where(network => network.Id == networkId).SelectMany(network => network.Subnets).Select(subnet => subnet.Pool);
}
