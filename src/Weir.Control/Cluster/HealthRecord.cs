// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.Cluster;

/// <summary>How a node finds those backends of a service that are its own containers; believed as long as that is heard.</summary>
/// <param name="Backends">By address and port, what is wrong; empty: nothing.</param>
internal sealed record HealthRecord(IReadOnlyDictionary<string, string> Backends);
