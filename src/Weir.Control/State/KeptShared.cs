// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.State;

/// <summary>A record of the store that the nodes share, as this node heard it last.</summary>
internal sealed record KeptShared(string Key, string Value);
