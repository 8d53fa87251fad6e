// SPDX-License-Identifier: Apache-2.0

using Weir.Services;

namespace Weir.Control;

/// <summary>A service as it is now.</summary>
/// <param name="State">"ok", or what keeps it from serving as it should.</param>
/// <param name="IsChanging">Flows of before the last change keep their backends still.</param>
/// <param name="Behind">Which nodes do not serve it as they should, and why.</param>
/// <param name="Slots">Of its tables together.</param>
public sealed record ServiceView(
    ServiceSpec Spec, string Source, IReadOnlyList<FrontendView> Frontends, IReadOnlyList<BackendView> Backends, string State, bool IsChanging, int Slots, IReadOnlyList<string> Behind);
