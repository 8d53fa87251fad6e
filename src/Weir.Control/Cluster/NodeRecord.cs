// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Text.Json.Serialization;

namespace Weir.Control.Cluster;

/// <summary>A node, until it is forgotten.</summary>
/// <param name="Instance">Tells two that have the same name from one that restarted.</param>
/// <param name="Started">Of its agent.</param>
/// <param name="Endpoints">How many it has.</param>
/// <param name="PolicyRevision">The shared policy's that it has heard of last.</param>
/// <param name="PolicyProblem">Why that one is not in force there; null: it is.</param>
/// <param name="Way">How it was told to reach others.</param>
/// <param name="Door">Where its agent is asked by other nodes; null: nowhere.</param>
/// <param name="ServicesRevision">The last change of services that it has heard of.</param>
/// <param name="ServiceProblems">By service, why it is not served there as it should be; null: all are.</param>
internal sealed record NodeRecord(string Name, IPAddress Address, IPAddress? OtherAddress, string Instance, string Version, DateTimeOffset Started, int Endpoints, long PolicyRevision = 0, string? PolicyProblem = null, NodeWay Way = NodeWay.Auto, PeerDoor? Door = null, long ServicesRevision = 0, IReadOnlyDictionary<string, string>? ServiceProblems = null)
{
    [JsonIgnore]
    internal IEnumerable<IPAddress> Addresses => OtherAddress is null ? [Address] : [Address, OtherAddress];
}
