// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control.State;

/// <summary>A sysctl of the host that Weir changed, and what it was before.</summary>
internal sealed record HostSetting(string Name, string Before);
