// SPDX-License-Identifier: Apache-2.0

using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Weir.Control.Addresses;
using Weir.Control.Claims;
using Weir.Control.Endpoints;
using Weir.Control.Networks;
using Weir.Control.Reconciling;
using Weir.Control.State;
using Weir.Net;

namespace Weir.Control;

/// <summary>Makes the <see cref="World"/> agree with what the container runtime has and tells. Its lists judge only what is
/// older than they are. Called on the writer's thread.</summary>
/// <param name="follow">Called after endpoints changed, with the one that went, if so.</param>
internal sealed class RuntimeSource(
    Writer writer, NetworkManager networks, EndpointManager endpoints, AddressPools addresses, ClaimKeeper claims, Reconciler reconciler, LabelFilter labels, Action<Endpoint?> follow, ILogger log)
{
    private ImmutableDictionary<string, Endpoint>? _followed; // those whose claims and services are as they should be

    /// <summary>Says who is behind an endpoint; policy is in force for it when this returns.</summary>
    internal void Identify(Endpoint endpoint, string networkName, Workload workload)
    {
        networks.SetName(endpoint.NetworkId, networkName);
        if (endpoint.State != EndpointState.Created)
        {
            try
            {
                endpoints.Identify(endpoint, workload, labels);
            }
            finally
            {
                Follow();
            }
        }
    }

    /// <summary>The same for all endpoints of a container that was identified before.</summary>
    internal void IdentifyAgain(Workload workload)
    {
        foreach (Endpoint endpoint in endpoints.Attached.Where(endpoint => endpoint.WorkloadId == workload.Id).ToList())
        {
            Attempt($"identifying container {workload.Name}", () => endpoints.Identify(endpoint, workload, labels));
        }

        Follow();
    }

    /// <summary>Forgets an endpoint. Its addresses wait for its container, which may come again.</summary>
    internal void Remove(Endpoint endpoint, string why)
    {
        endpoints.Remove(endpoint, why);
        if (endpoint.WorkloadId is { } owner)
        {
            addresses.Await(endpoint.Addresses, owner);
        }

        claims.Refresh();
        follow(endpoint);
    }

    /// <summary>The same for one whose addresses nobody else will release.</summary>
    internal void RemoveWithAddresses(Endpoint endpoint, string why)
    {
        Remove(endpoint, why);
        addresses.Release(endpoint.Addresses);
    }

    /// <summary>Takes up endpoints that are in the kernel already, after a start or once their network is known.</summary>
    /// <returns>Those that are gone.</returns>
    internal IReadOnlyList<Endpoint> TakeUpEndpoints()
    {
        IReadOnlyList<Endpoint> gone = endpoints.Restore();
        claims.Restore();
        foreach (Endpoint endpoint in gone)
        {
            endpoints.Remove(endpoint, "its link is gone");
        }

        claims.Refresh();
        reconciler.Converge();
        endpoints.KeepPrograms();
        return gone;
    }

    /// <summary>Takes in a list of all that the runtime has: what it does not have is removed if it is older
    /// than <paramref name="settled"/>, what is not identified yet is.</summary>
    internal void Reconcile(IReadOnlyList<RuntimeNetwork> listed, DateTimeOffset settled)
    {
        Dictionary<string, RuntimeNetwork> byId = listed.ToDictionary(network => network.Id);
        Adopt(listed);
        foreach (Endpoint endpoint in endpoints.All.ToList())
        {
            RuntimeNetwork? network = byId.GetValueOrDefault(endpoint.NetworkId);
            if (network?.Endpoints.GetValueOrDefault(endpoint.ExternalId) is { } workload)
            {
                if (endpoint.State == EndpointState.Created)
                {
                    continue;
                }

                // Until it is identified it is denied what its labels would allow.
                Attempt($"identifying container {workload.Name}", () => endpoints.Identify(endpoint, workload, labels));
            }
            else if (endpoint.Created < settled)
            {
                Attempt($"removing endpoint {endpoint.Id}", () => RemoveWithAddresses(endpoint, "the runtime does not have it"));
            }
        }

        foreach (Network network in networks.All.Where(network => network.Created < settled && !byId.ContainsKey(network.Id)
            && endpoints.All.All(endpoint => endpoint.NetworkId != network.Id)).ToList())
        {
            Attempt($"removing network {network.Label}", () => networks.Delete(network.Id));
        }

        foreach (RuntimeNetwork network in listed)
        {
            networks.SetName(network.Id, network.Name);
        }

        Follow();

        Dictionary<string, Workload> runtime = listed.SelectMany(network => network.Endpoints).DistinctBy(endpoint => endpoint.Key).ToDictionary();
        string[] lost = [.. endpoints.RemoveStrays(runtime.Keys).Select(id => runtime[id].Name).Distinct().Order(StringComparer.Ordinal)];
        writer.Publish(world => world.Lost.SequenceEqual(lost) ? world : world with { Lost = [.. lost] });
        addresses.ReleaseUnused(pool => networks.FindByPool(pool) is not null, settled);
    }

    /// <summary>Takes up networks of which the records are lost, and the endpoints on them.</summary>
    private void Adopt(IReadOnlyList<RuntimeNetwork> listed)
    {
        RuntimeNetwork[] unknown = [.. listed.Where(network => network.Shape is not null && networks.Find(network.Id) is null)];
        // Those first whose numbers are in use.
        foreach (RuntimeNetwork network in unknown.OrderByDescending(network => network.Endpoints.Count))
        {
            Attempt($"taking up network {network.Name}", () => networks.Adopt(network.Id, network.Shape!, endpoints.FindNetworkNumber(network.Id)));
        }

        if (unknown.Length > 0)
        {
            TakeUpEndpoints();
            addresses.Confirm(endpoints.All.SelectMany(endpoint => endpoint.Addresses));
        }
    }

    /// <summary>Once for all that changed since the last time: there may be many of them.</summary>
    private void Follow()
    {
        ImmutableDictionary<string, Endpoint> now = writer.World.Endpoints;
        if (now != _followed)
        {
            claims.Refresh();
            follow(null);
            _followed = now;
        }
    }

    /// <summary>What fails with one must not keep others from it; the next list brings it again.</summary>
    private void Attempt(string what, Action change)
    {
        try
        {
            change();
        }
        catch (Exception e) when (WeirException.IsExpected(e))
        {
            Log.Failed(log, what, e.Message);
        }
    }
}
