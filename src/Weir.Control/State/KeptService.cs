// SPDX-License-Identifier: Apache-2.0

using Weir.Services;

namespace Weir.Control.State;

/// <summary>A service as it was asked for.</summary>
/// <param name="Drained">Backends that get no new connections.</param>
internal sealed record KeptService(ServiceSpec Spec, IReadOnlyList<BackendAddress> Drained);
