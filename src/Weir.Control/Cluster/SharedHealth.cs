// SPDX-License-Identifier: Apache-2.0

using Weir.Control.Services;
using Weir.Control.State;
using Weir.Services;

namespace Weir.Control.Cluster;

/// <summary>What the nodes tell one another of the health of services' backends: each of those that are its own containers, which
/// no other checks. Pure.</summary>
internal static class SharedHealth
{
    private const int LongestDetail = 120; // a service may have thousands of backends, and all of them be unwell

    /// <summary>What a node tells, by service.</summary>
    internal static IEnumerable<(string Service, HealthRecord Health)> Of(World world) =>
        world.Services.Values.Where(service => !service.IsPublished && service.Spec.HealthCheck is not null && service.Members.Any(member => member.IsLocal))
            .Select(service => (service.Name, new HealthRecord(service.Members.Where(member => member.IsLocal)
                .ToDictionary(member => member.Address.ToString(), member => DetailOf(service.Health.GetValueOrDefault(member.Address, BackendHealth.Untried))))));

    /// <summary>What the node that has a backend tells of it.</summary>
    internal static BackendHealth Find(ClusterView? view, string node, string service, BackendAddress backend) =>
        view?.Health.GetValueOrDefault(node)?.GetValueOrDefault(service)?.Backends.GetValueOrDefault(backend.ToString()) switch
        {
            null => new BackendHealth(false, $"node {node}, which checks it, has not told of it yet"),
            "" => BackendHealth.Good,
            { } detail => new BackendHealth(false, $"{detail} (by node {node})"),
        };

    private static string DetailOf(BackendHealth health) =>
        health.IsHealthy ? "" : health.Detail.Length <= LongestDetail ? health.Detail : $"{health.Detail[..LongestDetail]}...";
}
