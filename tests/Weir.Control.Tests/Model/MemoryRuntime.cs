// SPDX-License-Identifier: Apache-2.0
using Weir.Control.State;

namespace Weir.Control.Tests.Model;

/// <summary>The container runtime in memory: what it has, whatever becomes of the agent.</summary>
internal sealed class MemoryRuntime
{
    /// <param name="Endpoints">Null: it has not said yet whose it is.</param>
    internal sealed record Made(NetworkShape Shape, Dictionary<string, Workload?> Endpoints);

    internal SortedDictionary<string, Made> Networks { get; } = new(StringComparer.Ordinal);

    /// <summary>As it tells of them now: all of it, or only what it has told already.</summary>
    internal IReadOnlyList<RuntimeNetwork> List(bool isComplete = true) =>
    [
        .. Networks.Select(network => new RuntimeNetwork(
            network.Key,
            $"named {network.Key}",
            network.Value.Endpoints.Where(endpoint => isComplete || endpoint.Value is not null)
                .ToDictionary(endpoint => endpoint.Key, endpoint => endpoint.Value ?? new Workload(endpoint.Key, endpoint.Key, "", new Dictionary<string, string>())),
            network.Value.Shape)),
    ];

    internal bool Has(string endpointId) => Networks.Values.Any(network => network.Endpoints.ContainsKey(endpointId));

    internal void Forget(string endpointId)
    {
        foreach (Made network in Networks.Values)
        {
            network.Endpoints.Remove(endpointId);
        }
    }
}
