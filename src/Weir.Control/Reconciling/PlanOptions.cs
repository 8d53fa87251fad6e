// SPDX-License-Identifier: Apache-2.0

using Weir.Policy;

namespace Weir.Control.Reconciling;

/// <summary>What of the agent's settings a plan goes by.</summary>
/// <param name="DenyResponse">What containers and the host hear when they are denied, where no policy says otherwise.</param>
/// <param name="Masquerade">Whether what leaves the host gets the host's address.</param>
internal sealed record PlanOptions(DenyResponse DenyResponse, bool Masquerade);
