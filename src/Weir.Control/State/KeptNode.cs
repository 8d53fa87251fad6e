// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.State;

/// <summary>Tells this host's state from another's, whatever both are called.</summary>
internal sealed record KeptNode(string Instance);
