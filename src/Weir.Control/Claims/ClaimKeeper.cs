// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Microsoft.Extensions.Logging;
using Weir.Control.Addresses;
using Weir.Control.Endpoints;
using Weir.Control.Host;
using Weir.Control.Networks;
using Weir.Control.State;
using Weir.Control.Watch;
using Weir.Datapath;
using Weir.Linux;
using Weir.Linux.Netlink;
using Weir.Net;

namespace Weir.Control.Claims;

/// <summary>Leads the addresses that containers have beside their own to them. Called on the writer's thread.</summary>
internal sealed class ClaimKeeper(
    Datapath.Datapath datapath, EndpointManager endpoints, NetworkManager networks, AddressPools addresses, RtnetlinkSocket links, ILogger log)
{
    private volatile ClaimPlan _plan = ClaimPlan.Empty;
    private bool _isKnown; // what the kernel has

    /// <summary>What is wrong with labels.</summary>
    internal IEnumerable<string> Problems => _plan.Problems.Values.Distinct();

    internal string? ProblemOf(Endpoint endpoint) => _plan.Problems.GetValueOrDefault(endpoint.ExternalId);

    internal IReadOnlyList<IpPrefix> Of(Endpoint endpoint) => [.. _plan.Granted.Where(claim => claim.Endpoint.Id == endpoint.Id).Select(claim => claim.Prefix)];

    /// <summary>The endpoint that has the address beside its own; null: none.</summary>
    internal Endpoint? Find(IPAddress address) => _plan.Granted.Where(claim => claim.Prefix.Contains(address)).Select(claim => claim.Endpoint).FirstOrDefault();

    /// <summary>Containers, their labels or networks may have changed.</summary>
    internal void Refresh()
    {
        bool isAsked = endpoints.Attached.Any(endpoint => endpoint.Claims is not null);
        if (!isAsked && _isKnown && _plan == ClaimPlan.Empty)
        {
            return;
        }

        ClaimPlan plan = isAsked ? Decide() : ClaimPlan.Empty;
        foreach ((Endpoint endpoint, IpPrefix prefix) in _plan.Granted.Where(old => !plan.Granted.Any(claim => IsSame(claim, old))))
        {
            links.DeleteRoute(prefix, endpoint.Ifindex);
        }

        ClaimPlan before = _plan;
        _plan = plan;
        addresses.Claimed = [.. plan.Granted.Select(claim => claim.Prefix)];
        networks.Claimed = [.. plan.Granted.Where(claim => networks.Find(claim.Endpoint.NetworkId) is { Internal: false }).Select(claim => claim.Prefix)];
        try
        {
            if (datapath.Claims.Replace([.. plan.Granted.Select(claim => new ClaimRow(claim.Prefix, claim.Endpoint.Id))]))
            {
                datapath.BumpRevision();
            }

            _isKnown = true;
        }
        catch (LinuxException e)
        {
            _isKnown = false;
            Log.Failed(log, $"leading {plan.Granted.Count} addresses to their containers ({datapath.Claims.Max} fit)", e.Message);
        }

        foreach ((Endpoint endpoint, IpPrefix prefix) in plan.Granted.Where(claim => !before.Granted.Any(old => IsSame(claim, old))))
        {
            Lead(endpoint, prefix);
        }
    }

    /// <summary>What the host needs to send to these addresses.</summary>
    internal IEnumerable<Expectation> Expect() => _plan.Granted.Select(claim => Expect(claim.Endpoint, claim.Prefix));

    private static bool IsSame((Endpoint Endpoint, IpPrefix Prefix) one, (Endpoint Endpoint, IpPrefix Prefix) other) =>
        one.Prefix == other.Prefix && one.Endpoint.Id == other.Endpoint.Id && one.Endpoint.Ifindex == other.Endpoint.Ifindex;

    private ClaimPlan Decide()
    {
        HashSet<IPAddress> gateways = [.. networks.All.SelectMany(network => network.Subnets).Select(subnet => subnet.Gateway)];
        return new ClaimRules([.. endpoints.Attached], networks.All, HostRanges.List(links, gateways)).Decide();
    }

    private void Lead(Endpoint endpoint, IpPrefix prefix)
    {
        try
        {
            Expect(endpoint, prefix).MakeSo();
            endpoints.Events.Add(endpoint.ExternalId, $"has {prefix} by label {ClaimText.Label}");
        }
        catch (LinuxException e)
        {
            // The watchdog goes on trying, and says so.
            Log.Failed(log, $"leading {prefix} to {endpoint.Name}", e.Message);
        }
    }

    private Expectation Expect(Endpoint endpoint, IpPrefix prefix)
    {
        IPAddress own = (prefix.IsIpv6 ? endpoint.Ipv6 : endpoint.Ipv4)!;
        return new Expectation(
            "route",
            $"route {prefix} to {endpoint.LinkName} (label {ClaimText.Label} of {endpoint.Name})",
            picture => !EndpointLinks.IsUp(picture, endpoint) || picture.HasRoute(prefix, RouteKind.Unicast, endpoint.Ifindex, gateway: own),
            () => links.AddRoute(prefix, own, endpoint.Ifindex))
        {
            Endpoint = endpoint.Id,
            IsIpv6 = prefix.IsIpv6,
        };
    }
}
