// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.State;

/// <summary>Ports that Weir reserved for SNAT, and what was reserved before, as the kernel writes it.</summary>
internal sealed record ReservedPorts(string Ports, string Before);
