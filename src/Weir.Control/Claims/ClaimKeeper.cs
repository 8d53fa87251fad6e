// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Control.Addresses;
using Weir.Control.Endpoints;
using Weir.Control.Reconciling;
using Weir.Control.State;
using Weir.Net;

namespace Weir.Control.Claims;

/// <summary>Keeps the <see cref="World"/> true to the addresses that containers have beside their own. Called on the writer's
/// thread; what only tells may be asked from any.</summary>
/// <param name="hostRanges">What the host reaches by ways of its own, but for these gateways.</param>
internal sealed class ClaimKeeper(Writer writer, Reconciler reconciler, EndpointLog events, Func<IReadOnlySet<IPAddress>, IReadOnlyList<HostRange>> hostRanges)
{
    private ClaimPlan Now => writer.World.Claims;

    /// <summary>What is wrong with labels.</summary>
    internal IEnumerable<string> Problems => Now.Problems.Values.Distinct();

    internal string? ProblemOf(Endpoint endpoint) => Now.Problems.GetValueOrDefault(endpoint.ExternalId);

    internal IReadOnlyList<IpPrefix> Of(Endpoint endpoint) => [.. Now.Granted.Where(claim => claim.EndpointId == endpoint.Id).Select(claim => claim.Prefix)];

    /// <summary>The endpoint that has the address beside its own; null: none.</summary>
    internal Endpoint? Find(IPAddress address) =>
        Now.Granted.FirstOrDefault(claim => claim.Prefix.Contains(address)) is { } claim ? writer.World.Endpoints.GetValueOrDefault(claim.ExternalId) : null;

    /// <summary>After a start, before anything is brought into force: what they have they keep.</summary>
    internal void Restore()
    {
        ClaimPlan plan = Decide(writer.World);
        writer.Publish(world => world with { Claims = plan });
    }

    /// <summary>Containers, their labels or networks may have changed.</summary>
    internal void Refresh()
    {
        ClaimPlan before = writer.World.Claims;
        ClaimPlan plan = Decide(writer.World);
        if (plan.IsSame(before))
        {
            return;
        }

        writer.Publish(world => world with { Claims = plan });
        reconciler.Converge();
        foreach (Claim claim in plan.Granted.Except(before.Granted))
        {
            events.Add(claim.ExternalId, $"has {claim.Prefix} by label {ClaimText.Label}");
        }
    }

    private ClaimPlan Decide(World world)
    {
        if (world.Attached.All(endpoint => endpoint.Claims is null))
        {
            return ClaimPlan.Empty; // and the host need not be asked
        }

        HashSet<IPAddress> gateways = [.. world.Networks.Values.SelectMany(network => network.Subnets).Select(subnet => subnet.Gateway)];
        return new ClaimRules([.. world.Attached], [.. world.Networks.Values], hostRanges(gateways)).Decide();
    }
}
