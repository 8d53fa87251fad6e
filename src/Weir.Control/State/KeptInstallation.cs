// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.State;

/// <summary>What an installation began with.</summary>
/// <param name="PublishedPorts">In force where the agent is not told.</param>
internal sealed record KeptInstallation(DoorMode PublishedPorts);
