// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy.Evaluation;

/// <summary>An identity as the compiler needs it: bit i of <paramref name="Matches"/> = the engine's entry i selects it.</summary>
internal sealed record CompiledPeer(Identity Identity, ulong[] Matches, PortNames Names);
