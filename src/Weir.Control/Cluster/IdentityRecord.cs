// SPDX-License-Identifier: Apache-2.0

using Weir.Net;
using Weir.Policy;

namespace Weir.Control.Cluster;

/// <summary>The number that a label set has on every node.</summary>
internal sealed record IdentityRecord(Identity Identity, LabelSet Labels);
